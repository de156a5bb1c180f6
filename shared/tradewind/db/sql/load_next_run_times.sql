-- When the next run of any DAG is due, after this moment; and whether one is due already. By dag_next_run.
SELECT (
    SELECT d.next_dagrun_run_after
    FROM dag d
    WHERE d.next_dagrun_run_after > $1::timestamptz AND NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
    ORDER BY d.next_dagrun_run_after
    LIMIT 1
) AS next_at,
EXISTS (
    SELECT 1 FROM dag d
    WHERE d.next_dagrun_run_after <= $1::timestamptz AND NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
) AS is_due
