-- What is kept for an asset ($1) under a key ($2), nulls if nothing is; no row if there is no such asset; asset_pkey,
-- asset_state_store_pkey, asset_state_store_by_uri.
SELECT kept.key, kept.value, kept.updated_at, kept.dag_id, kept.run_id, kept.task_id, kept.map_index
FROM asset
LEFT JOIN LATERAL (
    SELECT s.*
    FROM asset_state_store AS s
    WHERE (s.asset_name = asset.name OR s.asset_uri = asset.uri) AND s.key = $2
    ORDER BY s.updated_at DESC
    LIMIT 1
) AS kept ON true
WHERE asset.id = $1
