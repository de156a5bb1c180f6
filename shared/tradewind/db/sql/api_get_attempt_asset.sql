-- The active asset of a name $2 and a URI $3 (null: any), for an attempt: no row if another attempt is current, nulls if
-- there is no such asset; task_instance_attempt, asset_name_uri_key, asset_by_uri.
SELECT attempt.state, found.name, found.uri, found."group", found.extra
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT a.name, a.uri, a."group", a.extra
    FROM asset AS a
    WHERE $2::text IS NOT NULL AND a.name = $2 AND ($3::text IS NULL OR a.uri = $3) AND a.is_active
    UNION ALL
    SELECT a.name, a.uri, a."group", a.extra
    FROM asset AS a
    WHERE $2::text IS NULL AND a.uri = $3::text AND a.is_active
    LIMIT 1
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
