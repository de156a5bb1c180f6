-- What a triggerer has to watch; watchers of assets that are active no more become nobody's. By
-- asset_watcher_by_triggerer and asset_pkey.
WITH owned AS MATERIALIZED (
    SELECT w.id, a.is_active
    FROM asset_watcher w
    JOIN asset a ON a.id = w.asset_id
    WHERE w.triggerer_id = $1::uuid
),
released AS (
    UPDATE asset_watcher w SET triggerer_id = NULL FROM owned o WHERE w.id = o.id AND NOT o.is_active
)
SELECT id FROM owned WHERE is_active ORDER BY id
