-- One run by its names, for an attempt: no row if another attempt is current, nulls if there is no such run;
-- task_instance_attempt, dag_run_dag_id_run_id_key.
SELECT
    attempt.state, run.dag_id, run.run_id, run.state AS run_state, run.run_type, run.logical_date,
    run.data_interval_start, run.data_interval_end, run.run_after, run.start_date, run.end_date, run.conf,
    run.triggering_user_name, run.note, run.clear_number, run.partition_key, run.partition_date
FROM task_instance AS attempt
LEFT JOIN dag_run AS run ON run.dag_id = $2 AND run.run_id = $3 AND attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
