-- Watchers of active assets that nobody runs become this triggerer's, oldest first, if its lease still holds. By
-- asset_watcher_by_triggerer and primary keys.
WITH me AS MATERIALIZED (
    SELECT id FROM triggerer WHERE id = $1::uuid FOR KEY SHARE
),
free AS MATERIALIZED (
    SELECT w.id
    FROM asset_watcher w
    JOIN asset a ON a.id = w.asset_id
    WHERE w.triggerer_id IS NULL AND a.is_active AND EXISTS (SELECT FROM me)
    ORDER BY w.id
    LIMIT $2::integer
    FOR NO KEY UPDATE OF w SKIP LOCKED
),
taken AS (
    UPDATE asset_watcher w SET triggerer_id = $1::uuid FROM free f WHERE w.id = f.id RETURNING w.*
)
SELECT w.id, w.name, a.name AS asset_name, a.uri AS asset_uri, w.classpath, w.kwargs
FROM taken w
JOIN asset a ON a.id = w.asset_id
ORDER BY w.id
