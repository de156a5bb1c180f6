-- Those of the watchers that are this triggerer's stay so while their events are written. By primary keys.
SELECT w.id, a.name AS asset_name, a.uri AS asset_uri
FROM asset_watcher w
JOIN asset a ON a.id = w.asset_id
WHERE w.id = ANY ($2::bigint[]) AND w.triggerer_id = $1::uuid
ORDER BY w.id
FOR SHARE OF w
