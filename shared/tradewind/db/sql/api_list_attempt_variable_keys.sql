-- Keys of variables in order, for an attempt: no row if another attempt is current; task_instance_attempt, variable_pkey
-- (a prefix is looked for in what follows $3: variables are few).
SELECT
    attempt.state,
    ARRAY(
        SELECT variable.key FROM variable
        WHERE attempt.state IN ('running', 'deferred', 'success')
            AND variable.key > $3 AND starts_with(variable.key, $2)
        ORDER BY variable.key
        LIMIT $4
    ) AS keys
FROM task_instance AS attempt
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
