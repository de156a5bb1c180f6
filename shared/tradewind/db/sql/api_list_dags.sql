-- A page of DAGs, for people: a scan of dag; the latest run of each, when a filter or the order wants it, by
-- dag_run_by_run_after; dag_favorite_pkey, asset_reference_pkey. $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort dag_id: dag.dag_id
-- sort dag_display_name: coalesce(dag.dag_display_name, dag.dag_id)
-- sort next_dagrun: dag.next_dagrun_logical_date
-- sort state: latest.state
-- sort last_run_state: latest.state
-- sort start_date: latest.start_date
-- sort last_run_start_date: latest.start_date
WITH matching AS (
    SELECT dag.dag_id, row_number() OVER (ORDER BY /* sort */ dag.dag_id /* end */) AS place
    FROM dag
    LEFT JOIN LATERAL (
        SELECT dag_run.state, dag_run.start_date, dag_run.end_date
        FROM dag_run
        WHERE dag_run.dag_id = dag.dag_id AND $1::jsonb ? 'latest_run'
        ORDER BY dag_run.run_after DESC
        LIMIT 1
    ) AS latest ON true
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'exclude_stale' OR NOT dag.is_stale)
        AND (NOT $1::jsonb ? 'bundle_name' OR dag.bundle_name = $1::jsonb ->> 'bundle_name')
        AND (NOT $1::jsonb ? 'bundle_version' OR $1::jsonb ->> 'bundle_version' = coalesce(
            dag.bundle_version, (SELECT dag_bundle.version FROM dag_bundle WHERE dag_bundle.name = dag.bundle_name)))
        AND (NOT $1::jsonb ? 'paused' OR dag.is_paused = ($1::jsonb ->> 'paused')::boolean)
        AND (NOT $1::jsonb ? 'has_import_errors'
            OR dag.has_import_errors = ($1::jsonb ->> 'has_import_errors')::boolean)
        AND (NOT $1::jsonb ? 'is_favorite' OR ($1::jsonb ->> 'is_favorite')::boolean = EXISTS (
            SELECT FROM dag_favorite
            WHERE dag_favorite.username = $1::jsonb ->> 'username' AND dag_favorite.dag_id = dag.dag_id))
        AND (NOT $1::jsonb ? 'has_asset_schedule' OR ($1::jsonb ->> 'has_asset_schedule')::boolean = EXISTS (
            SELECT FROM asset_reference
            WHERE asset_reference.dag_id = dag.dag_id AND asset_reference.role = 'schedule'))
        AND (NOT $1::jsonb ? 'asset_dependency' OR EXISTS (
            SELECT FROM asset_reference
            JOIN asset ON asset.id = asset_reference.asset_id
            WHERE asset_reference.dag_id = dag.dag_id AND asset_reference.role = 'schedule'
                AND (asset.name ILIKE $1::jsonb ->> 'asset_dependency'
                    OR asset.uri ILIKE $1::jsonb ->> 'asset_dependency')))
        AND (NOT $1::jsonb ? 'timetable_type'
            OR dag.timetable_type = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'timetable_type'))))
        AND (NOT $1::jsonb ? 'tags_any'
            OR dag.tags && ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'tags_any')))
        AND (NOT $1::jsonb ? 'tags_all'
            OR dag.tags @> ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'tags_all')))
        AND (NOT $1::jsonb ? 'owners' OR array_to_string(dag.owners, ', ') ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'owners'))))
        AND (NOT $1::jsonb ? 'dag_id_pattern'
            OR dag.dag_id ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_pattern'))))
        AND (NOT $1::jsonb ? 'dag_id_prefix_pattern'
            OR dag.dag_id ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'dag_display_name_pattern'
            OR coalesce(dag.dag_display_name, dag.dag_id) ILIKE ANY (
                ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_display_name_pattern'))))
        AND (NOT $1::jsonb ? 'dag_display_name_prefix_pattern'
            OR coalesce(dag.dag_display_name, dag.dag_id) ^@ ANY (
                ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_display_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'last_dag_run_state' OR latest.state = $1::jsonb ->> 'last_dag_run_state')
        AND (NOT $1::jsonb ? 'dag_run_state'
            OR latest.state = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_run_state'))))
        AND (NOT $1::jsonb ? 'dag_run_start_date_gte'
            OR latest.start_date >= ($1::jsonb ->> 'dag_run_start_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_start_date_gt'
            OR latest.start_date > ($1::jsonb ->> 'dag_run_start_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_start_date_lte'
            OR latest.start_date <= ($1::jsonb ->> 'dag_run_start_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_start_date_lt'
            OR latest.start_date < ($1::jsonb ->> 'dag_run_start_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_end_date_gte'
            OR latest.end_date >= ($1::jsonb ->> 'dag_run_end_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_end_date_gt'
            OR latest.end_date > ($1::jsonb ->> 'dag_run_end_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_end_date_lte'
            OR latest.end_date <= ($1::jsonb ->> 'dag_run_end_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'dag_run_end_date_lt'
            OR latest.end_date < ($1::jsonb ->> 'dag_run_end_date_lt')::timestamptz)
)
SELECT
    total.total_entries, matching.place, dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name,
    dag.relative_fileloc, dag.is_paused, dag.is_stale, dag.has_import_errors, dag.description, dag.tags, dag.owners,
    dag.timetable_summary, dag.timetable_description, dag.timetable_periodic, dag.timetable_partitioned,
    dag.allowed_run_types, dag.max_active_tasks, dag.max_active_runs,
    dag.max_consecutive_failed_dag_runs, dag.has_task_concurrency_limits, dag.last_parsed_time, dag.last_expired,
    dag.next_dagrun_logical_date, dag.next_dagrun_data_interval_start, dag.next_dagrun_data_interval_end,
    dag.next_dagrun_run_after, dag.bundle_name,
    nullif(coalesce(dag.bundle_version, dag_bundle.version), '') AS bundle_version
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN dag ON dag.dag_id = matching.dag_id
LEFT JOIN dag_bundle ON dag_bundle.name = dag.bundle_name
ORDER BY matching.place
