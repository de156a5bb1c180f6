-- The latest instance of a task by its run's logical date, before a date if one is given, in a state if one is given,
-- for an attempt: no row if another attempt is current, nulls if there is none; task_instance_attempt,
-- dag_run_dag_id_logical_date_key, task_instance_pkey.
SELECT
    attempt.state, found.run_id, found.logical_date, found.start_date, found.end_date,
    nullif(found.ti_state, 'none') AS ti_state, found.try_number, found.map_index, found.duration
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT
        dag_run.run_id, dag_run.logical_date, ti.start_date, ti.end_date, ti.state AS ti_state, ti.try_number,
        ti.map_index, extract(epoch FROM ti.end_date - ti.start_date)::float8 AS duration
    FROM dag_run
    JOIN task_instance AS ti ON ti.dag_run_id = dag_run.id AND ti.task_id = $3 AND ti.map_index = $4
    WHERE dag_run.dag_id = $2
        AND dag_run.logical_date < coalesce($5::timestamptz, 'infinity')
        AND ($6::text IS NULL OR ti.state = $6)
    ORDER BY dag_run.logical_date DESC
    LIMIT 1
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
