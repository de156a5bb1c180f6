-- A page of assets, for people: a scan of asset; what belongs to each by asset_reference_by_asset, asset_event_by_asset.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: asset.id
-- sort name: asset.name
-- sort uri: asset.uri
-- sort created_at: asset.created_at
-- sort updated_at: asset.updated_at
WITH matching AS (
    SELECT asset.id, row_number() OVER (ORDER BY /* sort */ asset.id /* end */) AS place
    FROM asset
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'id' OR asset.id = ($1::jsonb ->> 'id')::bigint)
        AND (NOT $1::jsonb ? 'only_active' OR asset.is_active)
        AND (NOT $1::jsonb ? 'name_pattern'
            OR asset.name ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_pattern'))))
        AND (NOT $1::jsonb ? 'name_prefix_pattern'
            OR asset.name ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'uri_pattern'
            OR asset.uri ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'uri_pattern'))))
        AND (NOT $1::jsonb ? 'uri_prefix_pattern'
            OR asset.uri ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'uri_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'dag_ids' OR EXISTS (
            SELECT FROM asset_reference
            WHERE asset_reference.asset_id = asset.id
                AND asset_reference.dag_id = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_ids')))))
)
SELECT
    total.total_entries, matching.place, asset.id, asset.name, asset.uri, asset."group", asset.extra,
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
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN asset ON asset.id = matching.id
LEFT JOIN LATERAL (
    SELECT e.id AS event_id, e."timestamp" AS event_timestamp
    FROM asset_event e
    WHERE e.asset_id = asset.id
    ORDER BY e."timestamp" DESC, e.id DESC
    LIMIT 1
) AS last ON true
ORDER BY matching.place
