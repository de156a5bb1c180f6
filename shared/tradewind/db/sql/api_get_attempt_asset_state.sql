-- A value that is kept for an asset, which is named by $2 or, if that is empty, by its URI $3, for an attempt: no row if
-- another attempt is current, a null if there is no such value; task_instance_attempt, asset_state_store_pkey,
-- asset_state_store_by_uri.
SELECT attempt.state, found.value
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT kept.value
    FROM asset_state_store AS kept
    WHERE (($2::text <> '' AND kept.asset_name = $2) OR ($2 = '' AND kept.asset_uri = $3::text)) AND kept.key = $4
    ORDER BY kept.updated_at DESC
    LIMIT 1
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
