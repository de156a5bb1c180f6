-- A page of events of assets, for people; of one asset by asset_event_by_asset, of a run by dag_run_asset_event_pkey,
-- of all by a scan. $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: asset_event.id
-- sort source_task_id: asset_event.source_task_id
-- sort source_dag_id: asset_event.source_dag_id
-- sort source_run_id: asset_event.source_run_id
-- sort source_map_index: asset_event.source_map_index
-- sort timestamp: asset_event."timestamp"
WITH matching AS (
    SELECT asset_event.id, row_number() OVER (ORDER BY /* sort */ asset_event.id /* end */) AS place
    FROM asset_event
    JOIN asset ON asset.id = asset_event.asset_id
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'id' OR asset_event.id = ($1::jsonb ->> 'id')::bigint)
        AND (NOT $1::jsonb ? 'asset_id' OR asset_event.asset_id = ($1::jsonb ->> 'asset_id')::bigint)
        AND (NOT $1::jsonb ? 'source_dag_id' OR asset_event.source_dag_id = $1::jsonb ->> 'source_dag_id')
        AND (NOT $1::jsonb ? 'source_task_id' OR asset_event.source_task_id = $1::jsonb ->> 'source_task_id')
        AND (NOT $1::jsonb ? 'source_run_id' OR asset_event.source_run_id = $1::jsonb ->> 'source_run_id')
        AND (NOT $1::jsonb ? 'source_map_index'
            OR asset_event.source_map_index = ($1::jsonb ->> 'source_map_index')::integer)
        AND (NOT $1::jsonb ? 'name_pattern'
            OR asset.name ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_pattern'))))
        AND (NOT $1::jsonb ? 'name_prefix_pattern'
            OR asset.name ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'timestamp_gte'
            OR asset_event."timestamp" >= ($1::jsonb ->> 'timestamp_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'timestamp_gt' OR asset_event."timestamp" > ($1::jsonb ->> 'timestamp_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'timestamp_lte'
            OR asset_event."timestamp" <= ($1::jsonb ->> 'timestamp_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'timestamp_lt' OR asset_event."timestamp" < ($1::jsonb ->> 'timestamp_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_id' OR asset_event.id IN (
            SELECT l.event_id FROM dag_run_asset_event l WHERE l.dag_run_id = ($1::jsonb ->> 'dag_run_id')::bigint))
)
SELECT
    total.total_entries, matching.place, asset_event.id, asset_event.asset_id, asset.uri, asset.name, asset."group",
    asset_event.extra, asset_event.source_task_id, asset_event.source_dag_id, asset_event.source_run_id,
    coalesce(asset_event.source_map_index, -1) AS source_map_index, asset_event."timestamp", asset_event.partition_key,
    coalesce(
        (
            SELECT json_agg(
                json_build_object(
                    'run_id', r.run_id, 'dag_id', r.dag_id, 'logical_date', r.logical_date,
                    'start_date', coalesce(r.start_date, r.queued_at), 'end_date', r.end_date, 'state', r.state,
                    'data_interval_start', r.data_interval_start, 'data_interval_end', r.data_interval_end,
                    'partition_key', r.partition_key,
                    'triggering', u.event_id = (
                        SELECT o.event_id
                        FROM dag_run_asset_event o
                        JOIN asset_event e ON e.id = o.event_id
                        WHERE o.dag_run_id = r.id
                        ORDER BY e."timestamp" DESC, e.id DESC
                        LIMIT 1
                    )
                )
                ORDER BY r.id
            )
            FROM dag_run_asset_event u
            JOIN dag_run r ON r.id = u.dag_run_id
            WHERE u.event_id = asset_event.id
        ),
        '[]'
    ) AS created_dagruns
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN asset_event ON asset_event.id = matching.id
LEFT JOIN asset ON asset.id = asset_event.asset_id
ORDER BY matching.place
