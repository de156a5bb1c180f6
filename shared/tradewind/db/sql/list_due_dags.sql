-- DAGs whose next run is due and that have room for it, those due longest first, with what the last automated run was
-- about. By dag_next_run, dag_run_queued, dag_run_running_by_dag, dag_run_dag_id_logical_date_key and
-- dag_run_partitioned.
SELECT
    d.dag_id, d.dag_version_id, d.next_dagrun_run_after, d.next_dagrun_data_interval_start,
    d.next_dagrun_data_interval_end, d.max_active_runs - a.active AS room,
    coalesce(l.data_interval_start, y.run_after) AS last_start, coalesce(l.data_interval_end, y.run_after) AS last_end
FROM dag d
CROSS JOIN LATERAL (
    SELECT (
        SELECT count(*)
        FROM (
            SELECT 1 FROM dag_run q
            WHERE q.dag_id = d.dag_id AND q.state = 'queued' AND q.backfill_id IS NULL
            LIMIT d.max_active_runs
        ) AS queued
    ) + (
        SELECT count(*)
        FROM (
            SELECT 1 FROM dag_run r
            WHERE r.dag_id = d.dag_id AND r.state = 'running' AND r.backfill_id IS NULL
            LIMIT d.max_active_runs
        ) AS running
    ) AS active
) AS a
LEFT JOIN LATERAL (
    SELECT p.data_interval_start, p.data_interval_end
    FROM dag_run p
    WHERE p.dag_id = d.dag_id AND p.run_type IN ('scheduled', 'backfill') AND p.logical_date IS NOT NULL
    ORDER BY p.logical_date DESC
    LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT p.run_after
    FROM dag_run p
    WHERE p.dag_id = d.dag_id AND p.run_type = 'scheduled' AND p.partition_key IS NOT NULL
    ORDER BY p.run_after DESC
    LIMIT 1
) AS y ON true
WHERE d.next_dagrun_run_after <= $1::timestamptz
    AND NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
    AND a.active < d.max_active_runs
ORDER BY d.next_dagrun_run_after, d.dag_id
LIMIT $2::integer
