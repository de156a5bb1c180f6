-- A value that an attempt's task instance keeps: no row if another attempt is current, a null if there is no such
-- value, or not any more; task_instance_attempt, task_state_store_pkey.
SELECT attempt.state, kept.value
FROM task_instance AS attempt
LEFT JOIN task_state_store AS kept
    ON kept.dag_run_id = attempt.dag_run_id AND kept.task_id = attempt.task_id
    AND kept.map_index = attempt.map_index AND kept.key = $2 AND attempt.state IN ('running', 'deferred', 'success')
    AND coalesce(kept.expires_at > $3, true)
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
