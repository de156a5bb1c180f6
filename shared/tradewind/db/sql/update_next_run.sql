-- The next run of a DAG as its own timetable says. By primary key.
UPDATE dag
SET
    next_dagrun_run_after = $2::timestamptz,
    next_dagrun_logical_date = $3::timestamptz,
    next_dagrun_data_interval_start = $3::timestamptz,
    next_dagrun_data_interval_end = $4::timestamptz
WHERE dag_id = $1::text
