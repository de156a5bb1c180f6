-- The next run by time of DAGs just parsed, and how long a run may take. By primary key.
UPDATE dag d
SET
    next_dagrun_run_after = w.next_run_after,
    next_dagrun_logical_date = w.next_start,
    next_dagrun_data_interval_start = w.next_start,
    next_dagrun_data_interval_end = w.next_end,
    dagrun_timeout_seconds = w.dagrun_timeout_seconds,
    has_deadlines = w.has_deadlines
FROM unnest(
    $1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::double precision[], $6::boolean[]
) AS w (dag_id, next_run_after, next_start, next_end, dagrun_timeout_seconds, has_deadlines)
WHERE d.dag_id = w.dag_id
