-- A page of events of assets, for people; of one asset by asset_event_by_asset, of a run by dag_run_asset_event_pkey,
-- of all by a scan.
-- sort id: asset_event.id
-- sort source_task_id: asset_event.source_task_id
-- sort source_dag_id: asset_event.source_dag_id
-- sort source_run_id: asset_event.source_run_id
-- sort source_map_index: asset_event.source_map_index
-- sort timestamp: asset_event."timestamp"
-- filter visible_dag_ids: asset_event.source_dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: asset_event.source_dag_id ~ $value::text
-- filter matches_nothing: false
-- filter id: asset_event.id = $value::bigint
-- filter asset_id: asset_event.asset_id = $value::bigint
-- filter source_dag_id: asset_event.source_dag_id = $value::text
-- filter source_task_id: asset_event.source_task_id = $value::text
-- filter source_run_id: asset_event.source_run_id = $value::text
-- filter source_map_index: asset_event.source_map_index = $value::integer
-- filter name_pattern: asset.name ILIKE ANY ($value::text[])
-- filter name_prefix_pattern: asset.name ^@ ANY ($value::text[])
-- filter timestamp_gte: asset_event."timestamp" >= $value::timestamptz
-- filter timestamp_gt: asset_event."timestamp" > $value::timestamptz
-- filter timestamp_lte: asset_event."timestamp" <= $value::timestamptz
-- filter timestamp_lt: asset_event."timestamp" < $value::timestamptz
-- filter dag_run_id: asset_event.id IN (SELECT l.event_id FROM dag_run_asset_event l WHERE l.dag_run_id =
--     $value::bigint)
WITH matching AS (
    SELECT asset_event.id, row_number() OVER (ORDER BY /* sort */ asset_event.id /* end */) AS place
    /* list */
    FROM asset_event
    JOIN asset ON asset.id = asset_event.asset_id
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ asset_event.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, asset_event.id, asset_event.asset_id, asset.uri, asset.name, asset."group",
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
FROM matching
LEFT JOIN asset_event ON asset_event.id = matching.id
LEFT JOIN asset ON asset.id = asset_event.asset_id
ORDER BY matching.place
