-- What came of a run's ended task instances, for an attempt: no row if another attempt is current, one row of nulls if
-- none has ended; task_instance_attempt, dag_run_dag_id_run_id_key, task_instance_pkey.
SELECT attempt.state, found.task_id, found.map_index, found.ti_state, found.operator, found.duration
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT
        ti.task_id, ti.map_index, ti.state AS ti_state, ti.operator,
        extract(epoch FROM ti.end_date - ti.start_date)::float8 AS duration
    FROM dag_run
    JOIN task_instance AS ti ON ti.dag_run_id = dag_run.id
    WHERE dag_run.dag_id = $2 AND dag_run.run_id = $3
        AND ti.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
ORDER BY found.task_id, found.map_index
