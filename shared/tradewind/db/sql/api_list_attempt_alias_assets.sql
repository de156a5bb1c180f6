-- The active assets that the alias $2 has stood for, for an attempt: no row if another attempt is current, one row of
-- nulls if there are none; task_instance_attempt, asset_alias_name_key, asset_alias_asset_pkey, asset_pkey.
SELECT attempt.state, found.name, found.uri, found."group", found.extra
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT a.name, a.uri, a."group", a.extra
    FROM asset_alias AS l
    JOIN asset_alias_asset AS t ON t.alias_id = l.id
    JOIN asset AS a ON a.id = t.asset_id AND a.is_active
    WHERE l.name = $2
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
ORDER BY found.name, found.uri
