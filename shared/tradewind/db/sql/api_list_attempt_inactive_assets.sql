-- Inlets and outlets of an attempt's task that are not active: no row if another attempt is current, one row of nulls if
-- there are none; task_instance_attempt, dag_run_pkey, asset_reference_pkey, asset_pkey.
SELECT attempt.state, found.name, found.uri
FROM task_instance AS attempt
JOIN dag_run AS run ON run.id = attempt.dag_run_id
LEFT JOIN LATERAL (
    SELECT a.name, a.uri
    FROM unnest(ARRAY['inlet', 'outlet']) AS place (role)
    JOIN asset_reference AS r ON r.dag_id = run.dag_id AND r.role = place.role AND r.task_id = attempt.task_id
    JOIN asset AS a ON a.id = r.asset_id AND NOT a.is_active
    GROUP BY a.name, a.uri
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
ORDER BY found.name, found.uri
