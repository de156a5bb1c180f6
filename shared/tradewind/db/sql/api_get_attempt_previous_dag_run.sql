-- The latest run of a DAG before a logical date, in a state if one is given, for an attempt: no row if another attempt
-- is current, nulls if there is none; task_instance_attempt, dag_run_dag_id_logical_date_key.
SELECT
    attempt.state, run.dag_id, run.run_id, run.state AS run_state, run.run_type, run.logical_date,
    run.data_interval_start, run.data_interval_end, run.run_after, run.start_date, run.end_date, run.conf,
    run.triggering_user_name, run.note, run.clear_number, run.partition_key, run.partition_date
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT dag_run.*
    FROM dag_run
    WHERE dag_run.dag_id = $2 AND dag_run.logical_date < $3 AND ($4::text IS NULL OR dag_run.state = $4)
    ORDER BY dag_run.logical_date DESC
    LIMIT 1
) AS run ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
