-- A page of the keys of variables that begin so, in order, and how many there are, for an attempt: no row if another
-- attempt is current; task_instance_attempt, variable_pkey (variables are few).
SELECT
    attempt.state,
    ARRAY(
        SELECT variable.key FROM variable
        WHERE attempt.state IN ('running', 'deferred', 'success') AND starts_with(variable.key, $2)
        ORDER BY variable.key
        LIMIT $3 OFFSET $4
    ) AS keys,
    (SELECT count(*) FROM variable WHERE starts_with(variable.key, $2)) AS total
FROM task_instance AS attempt
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
