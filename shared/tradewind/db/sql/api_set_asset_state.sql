-- A person keeps a value ($3, at $4) for an asset ($1) under a key ($2), in place of what was written by its name or its
-- URI: whether there is such an asset; asset_pkey, asset_state_store_pkey, asset_state_store_by_uri.
WITH meant AS (
    SELECT name, uri FROM asset WHERE id = $1
), updated AS (
    UPDATE asset_state_store AS s
    SET value = $3, updated_at = $4, dag_id = NULL, run_id = NULL, task_id = NULL, map_index = NULL
    FROM meant
    WHERE (s.asset_name = meant.name OR s.asset_uri = meant.uri) AND s.key = $2
    RETURNING s.key
), written AS (
    INSERT INTO asset_state_store (asset_name, asset_uri, key, value, updated_at)
    SELECT meant.name, meant.uri, $2, $3, $4 FROM meant WHERE NOT EXISTS (SELECT FROM updated)
    ON CONFLICT (asset_name, asset_uri, key)
    DO UPDATE SET
        value = excluded.value, updated_at = excluded.updated_at, dag_id = NULL, run_id = NULL, task_id = NULL,
        map_index = NULL
)
SELECT EXISTS (SELECT FROM meant) AS has_asset
