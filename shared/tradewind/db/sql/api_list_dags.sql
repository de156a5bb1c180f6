-- A page of DAGs, for people: a scan of dag; the latest run of each, when a filter or the order wants it, by
-- dag_run_by_run_after; dag_favorite_pkey, asset_reference_pkey.
-- sort dag_id: dag.dag_id
-- sort dag_display_name: coalesce(dag.dag_display_name, dag.dag_id)
-- sort next_dagrun: dag.next_dagrun_logical_date
-- sort state: latest.state
-- sort last_run_state: latest.state
-- sort start_date: latest.start_date
-- sort last_run_start_date: latest.start_date
-- filter visible_dag_ids: dag.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: dag.dag_id ~ $value::text
-- filter username: true
-- filter latest_run: true
-- filter matches_nothing: false
-- filter exclude_stale: NOT dag.is_stale
-- filter bundle_name: dag.bundle_name = $value::text
-- filter bundle_version: $value::text = coalesce(dag.bundle_version, (SELECT dag_bundle.version FROM dag_bundle WHERE
--     dag_bundle.name = dag.bundle_name))
-- filter paused: dag.is_paused = $value::boolean
-- filter has_import_errors: dag.has_import_errors = $value::boolean
-- filter is_favorite: $value::boolean = EXISTS (SELECT FROM dag_favorite WHERE dag_favorite.username =
--     $filter_username::text AND dag_favorite.dag_id = dag.dag_id)
-- filter has_asset_schedule: $value::boolean = EXISTS (SELECT FROM asset_reference WHERE asset_reference.dag_id =
--     dag.dag_id AND asset_reference.role = 'schedule')
-- filter asset_dependency: EXISTS (SELECT FROM asset_reference JOIN asset ON asset.id = asset_reference.asset_id WHERE
--     asset_reference.dag_id = dag.dag_id AND asset_reference.role = 'schedule' AND (asset.name ILIKE $value::text OR
--     asset.uri ILIKE $value::text))
-- filter timetable_type: dag.timetable_type = ANY ($value::text[])
-- filter tags_any: dag.tags && $value::text[]
-- filter tags_all: dag.tags @> $value::text[]
-- filter owners: array_to_string(dag.owners, ', ') ILIKE ANY ($value::text[])
-- filter dag_id_pattern: dag.dag_id ILIKE ANY ($value::text[])
-- filter dag_id_prefix_pattern: dag.dag_id ^@ ANY ($value::text[])
-- filter dag_display_name_pattern: coalesce(dag.dag_display_name, dag.dag_id) ILIKE ANY ($value::text[])
-- filter dag_display_name_prefix_pattern: coalesce(dag.dag_display_name, dag.dag_id) ^@ ANY ($value::text[])
-- filter last_dag_run_state: latest.state = $value::text
-- filter dag_run_state: latest.state = ANY ($value::text[])
-- filter dag_run_start_date_gte: latest.start_date >= $value::timestamptz
-- filter dag_run_start_date_gt: latest.start_date > $value::timestamptz
-- filter dag_run_start_date_lte: latest.start_date <= $value::timestamptz
-- filter dag_run_start_date_lt: latest.start_date < $value::timestamptz
-- filter dag_run_end_date_gte: latest.end_date >= $value::timestamptz
-- filter dag_run_end_date_gt: latest.end_date > $value::timestamptz
-- filter dag_run_end_date_lte: latest.end_date <= $value::timestamptz
-- filter dag_run_end_date_lt: latest.end_date < $value::timestamptz
WITH matching AS (
    SELECT dag.dag_id, row_number() OVER (ORDER BY /* sort */ dag.dag_id /* end */) AS place
    /* list */
    FROM dag
    LEFT JOIN LATERAL (
        SELECT dag_run.state, dag_run.start_date, dag_run.end_date
        FROM dag_run
        WHERE dag_run.dag_id = dag.dag_id AND $needs_latest_run::boolean
        ORDER BY dag_run.run_after DESC
        LIMIT 1
    ) AS latest ON true
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ dag.dag_id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name,
    dag.relative_fileloc, dag.is_paused, dag.is_stale, dag.has_import_errors, dag.description, dag.tags, dag.owners,
    dag.timetable_summary, dag.timetable_description, dag.timetable_periodic, dag.timetable_partitioned,
    dag.allowed_run_types, dag.max_active_tasks, dag.max_active_runs,
    dag.max_consecutive_failed_dag_runs, dag.has_task_concurrency_limits, dag.last_parsed_time,
    dag.last_parse_duration, dag.last_expired,
    dag.next_dagrun_logical_date, dag.next_dagrun_data_interval_start, dag.next_dagrun_data_interval_end,
    dag.next_dagrun_run_after, dag.bundle_name,
    nullif(coalesce(dag.bundle_version, dag_bundle.version), '') AS bundle_version
FROM matching
LEFT JOIN dag ON dag.dag_id = matching.dag_id
LEFT JOIN dag_bundle ON dag_bundle.name = dag.bundle_name
ORDER BY matching.place
