-- A page of runs, for people; one DAG's by dag_run_dag_id_run_id_key or dag_run_by_run_after, all DAGs' by
-- dag_run_by_start_date if in that order, else by a scan.
-- sort id: dag_run.id
-- sort state: dag_run.state
-- sort dag_id: dag_run.dag_id
-- sort run_id: dag_run.run_id
-- sort dag_run_id: dag_run.run_id
-- sort logical_date: dag_run.logical_date
-- sort partition_date: dag_run.partition_date
-- sort run_after: dag_run.run_after
-- sort start_date: dag_run.start_date
-- sort end_date: dag_run.end_date
-- sort updated_at: dag_run.updated_at
-- sort conf: dag_run.conf
-- sort duration: dag_run.duration
-- filter visible_dag_ids: dag_run.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: dag_run.dag_id ~ $value::text
-- filter dag_id: dag_run.dag_id = $value::text
-- filter dag_ids: dag_run.dag_id = ANY ($value::text[])
-- filter matches_nothing: false
-- filter state: dag_run.state = ANY ($value::text[])
-- filter run_type: dag_run.run_type = ANY ($value::text[])
-- filter dag_version: EXISTS (SELECT FROM dag_version WHERE dag_version.id = dag_run.dag_version_id AND
--     dag_version.version_number = ANY ($value::integer[]))
-- filter conf_contains: strpos(dag_run.conf, $value::text) > 0
-- filter dag_id_pattern: dag_run.dag_id ILIKE ANY ($value::text[])
-- filter dag_id_prefix_pattern: dag_run.dag_id ^@ ANY ($value::text[])
-- filter run_id_pattern: dag_run.run_id ILIKE ANY ($value::text[])
-- filter run_id_prefix_pattern: dag_run.run_id ^@ ANY ($value::text[])
-- filter triggering_user_name_pattern: dag_run.triggering_user_name ILIKE ANY ($value::text[])
-- filter triggering_user_name_prefix_pattern: dag_run.triggering_user_name ^@ ANY ($value::text[])
-- filter partition_key_pattern: dag_run.partition_key ILIKE ANY ($value::text[])
-- filter partition_key_prefix_pattern: dag_run.partition_key ^@ ANY ($value::text[])
-- filter partition_date_since: dag_run.partition_date >= $value::timestamptz
-- filter partition_date_before: dag_run.partition_date < $value::timestamptz
-- filter consuming_asset_pattern: EXISTS (SELECT FROM dag_run_asset_event JOIN asset_event ON asset_event.id =
--     dag_run_asset_event.event_id JOIN asset ON asset.id = asset_event.asset_id WHERE dag_run_asset_event.dag_run_id
--     = dag_run.id AND (asset.name ILIKE ANY ($value::text[]) OR asset.uri ILIKE ANY ($value::text[])))
-- filter bundle_version: dag_run.bundle_version = $value::text
-- filter run_after_gte: dag_run.run_after >= $value::timestamptz
-- filter run_after_gt: dag_run.run_after > $value::timestamptz
-- filter run_after_lte: dag_run.run_after <= $value::timestamptz
-- filter run_after_lt: dag_run.run_after < $value::timestamptz
-- filter logical_date_gte: dag_run.logical_date >= $value::timestamptz
-- filter logical_date_gt: dag_run.logical_date > $value::timestamptz
-- filter logical_date_lte: dag_run.logical_date <= $value::timestamptz
-- filter logical_date_lt: dag_run.logical_date < $value::timestamptz
-- filter start_date_gte: coalesce(dag_run.start_date, 'infinity') >= $value::timestamptz
-- filter start_date_gt: coalesce(dag_run.start_date, 'infinity') > $value::timestamptz
-- filter start_date_lte: coalesce(dag_run.start_date, $now) <= $value::timestamptz
-- filter start_date_lt: coalesce(dag_run.start_date, $now) < $value::timestamptz
-- filter end_date_gte: coalesce(dag_run.end_date, 'infinity') >= $value::timestamptz
-- filter end_date_gt: coalesce(dag_run.end_date, 'infinity') > $value::timestamptz
-- filter end_date_lte: coalesce(dag_run.end_date, $now) <= $value::timestamptz
-- filter end_date_lt: coalesce(dag_run.end_date, $now) < $value::timestamptz
-- filter updated_at_gte: dag_run.updated_at >= $value::timestamptz
-- filter updated_at_gt: dag_run.updated_at > $value::timestamptz
-- filter updated_at_lte: dag_run.updated_at <= $value::timestamptz
-- filter updated_at_lt: dag_run.updated_at < $value::timestamptz
-- filter duration_gte: dag_run.duration >= $value::float8
-- filter duration_gt: dag_run.duration > $value::float8
-- filter duration_lte: dag_run.duration <= $value::float8
-- filter duration_lt: dag_run.duration < $value::float8
WITH matching AS (
    SELECT dag_run.id, row_number() OVER (ORDER BY /* sort */ dag_run.id /* end */) AS place
    /* list */
    FROM (
        SELECT
            id, dag_id, run_id, state, run_type, triggering_user_name, logical_date, run_after, start_date, end_date,
            conf::text AS conf, dag_version_id, partition_key, partition_date, bundle_version,
            extract(epoch FROM end_date - start_date)::float8 AS duration,
            greatest(queued_at, start_date, end_date, last_scheduling_decision) AS updated_at
        FROM dag_run
    ) AS dag_run
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ dag_run.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, dag_run.id, dag_run.dag_id, dag_run.run_id AS dag_run_id,
    dag_run.state, dag_run.run_type, dag_run.triggered_by, dag_run.triggering_user_name, dag_run.logical_date,
    dag_run.data_interval_start, dag_run.data_interval_end, dag_run.run_after, dag_run.queued_at, dag_run.start_date,
    dag_run.end_date, extract(epoch FROM dag_run.end_date - dag_run.start_date)::float8 AS duration,
    dag_run.last_scheduling_decision, dag_run.conf, dag_run.note, dag_run.bundle_version, dag_run.partition_key,
    dag_run.partition_date,
    dag_version.id AS version_id, dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name
FROM matching
LEFT JOIN dag_run ON dag_run.id = matching.id
LEFT JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY matching.place
