-- A variable, for an attempt: no row if another attempt is current, a null value if there is no such variable;
-- task_instance_attempt, variable_pkey.
SELECT attempt.state, variable.value
FROM task_instance AS attempt
LEFT JOIN variable ON variable.key = $2 AND attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
