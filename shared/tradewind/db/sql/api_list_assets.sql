-- A page of assets, for people: a scan of asset; what belongs to each by asset_reference_by_asset, asset_event_by_asset.
-- sort id: asset.id
-- sort name: asset.name
-- sort uri: asset.uri
-- sort created_at: asset.created_at
-- sort updated_at: asset.updated_at
-- filter matches_nothing: false
-- filter id: asset.id = $value::bigint
-- filter only_active: asset.is_active
-- filter name_pattern: asset.name ILIKE ANY ($value::text[])
-- filter name_prefix_pattern: asset.name ^@ ANY ($value::text[])
-- filter uri_pattern: asset.uri ILIKE ANY ($value::text[])
-- filter uri_prefix_pattern: asset.uri ^@ ANY ($value::text[])
-- filter dag_ids: EXISTS (SELECT FROM asset_reference WHERE asset_reference.asset_id = asset.id AND
--     asset_reference.dag_id = ANY ($value::text[]))
WITH matching AS (
    SELECT asset.id, row_number() OVER (ORDER BY /* sort */ asset.id /* end */) AS place
    /* list */ FROM asset WHERE /* filters */ /* end */
    ORDER BY /* sort */ asset.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, asset.id, asset.name, asset.uri, asset."group", asset.extra,
    asset.created_at, asset.updated_at, last.event_id, last.event_timestamp,
    coalesce(
        (
            SELECT json_agg(
                json_build_object('role', r.role, 'dag_id', r.dag_id, 'task_id', r.task_id, 'created_at', r.created_at)
                ORDER BY r.dag_id, r.task_id
            )
            FROM asset_reference r
            WHERE r.asset_id = asset.id
        ),
        '[]'
    ) AS asset_references,
    coalesce(
        (
            SELECT json_agg(json_build_object('id', l.id, 'name', l.name, 'group', l."group") ORDER BY l.id)
            FROM asset_alias_asset s
            JOIN asset_alias l ON l.id = s.alias_id
            WHERE s.asset_id = asset.id
        ),
        '[]'
    ) AS aliases,
    coalesce(
        (
            SELECT json_agg(json_build_object('name', w.name, 'trigger_id', w.id, 'created_date', w.created_at) ORDER BY w.id)
            FROM asset_watcher w
            WHERE w.asset_id = asset.id
        ),
        '[]'
    ) AS watchers
FROM matching
LEFT JOIN asset ON asset.id = matching.id
LEFT JOIN LATERAL (
    SELECT e.id AS event_id, e."timestamp" AS event_timestamp
    FROM asset_event e
    WHERE e.asset_id = asset.id
    ORDER BY e."timestamp" DESC, e.id DESC
    LIMIT 1
) AS last ON true
ORDER BY matching.place
