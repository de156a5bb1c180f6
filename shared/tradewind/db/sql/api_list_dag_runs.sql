-- A page of runs, for people; one DAG's by dag_run_dag_id_run_id_key or dag_run_by_run_after, all DAGs' by a scan.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset, $4 and $5: the id to continue after or before,
-- $6 now. total_entries counts what matches; skipped is null if the run to continue from is gone.
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
WITH matching AS (
    SELECT dag_run.id, row_number() OVER (ORDER BY /* sort */ dag_run.id /* end */) AS place
    FROM (
        SELECT
            id, dag_id, run_id, state, run_type, triggering_user_name, logical_date, run_after, start_date, end_date,
            conf::text AS conf, dag_version_id, partition_key, partition_date, bundle_version,
            extract(epoch FROM end_date - start_date)::float8 AS duration,
            greatest(queued_at, start_date, end_date, last_scheduling_decision) AS updated_at
        FROM dag_run
    ) AS dag_run
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR dag_run.dag_id = $1::jsonb ->> 'dag_id')
        AND NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'state'
            OR dag_run.state = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'state'))))
        AND (NOT $1::jsonb ? 'run_type'
            OR dag_run.run_type = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_type'))))
        AND (NOT $1::jsonb ? 'dag_version' OR EXISTS (
            SELECT FROM dag_version
            WHERE dag_version.id = dag_run.dag_version_id
                AND dag_version.version_number = ANY (
                    ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_version')::integer))))
        AND (NOT $1::jsonb ? 'conf_contains' OR strpos(dag_run.conf, $1::jsonb ->> 'conf_contains') > 0)
        AND (NOT $1::jsonb ? 'dag_id_pattern'
            OR dag_run.dag_id ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_pattern'))))
        AND (NOT $1::jsonb ? 'dag_id_prefix_pattern'
            OR dag_run.dag_id ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_pattern'
            OR dag_run.run_id ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_prefix_pattern'
            OR dag_run.run_id ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'triggering_user_name_pattern' OR dag_run.triggering_user_name ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'triggering_user_name_pattern'))))
        AND (NOT $1::jsonb ? 'triggering_user_name_prefix_pattern' OR dag_run.triggering_user_name ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'triggering_user_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'partition_key_pattern' OR dag_run.partition_key ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'partition_key_pattern'))))
        AND (NOT $1::jsonb ? 'partition_key_prefix_pattern' OR dag_run.partition_key ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'partition_key_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'partition_date_gte'
            OR dag_run.partition_date >= ($1::jsonb ->> 'partition_date_gte')::date)
        AND (NOT $1::jsonb ? 'partition_date_lte'
            OR dag_run.partition_date < ($1::jsonb ->> 'partition_date_lte')::date + 1)
        AND (NOT $1::jsonb ? 'consuming_asset_pattern' OR EXISTS (
            SELECT FROM dag_run_asset_event
            JOIN asset_event ON asset_event.id = dag_run_asset_event.event_id
            JOIN asset ON asset.id = asset_event.asset_id
            WHERE dag_run_asset_event.dag_run_id = dag_run.id
                AND (asset.name ILIKE ANY (
                        ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'consuming_asset_pattern')))
                    OR asset.uri ILIKE ANY (
                        ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'consuming_asset_pattern'))))))
        AND (NOT $1::jsonb ? 'bundle_version' OR dag_run.bundle_version = $1::jsonb ->> 'bundle_version')
        AND (NOT $1::jsonb ? 'run_after_gte'
            OR dag_run.run_after >= ($1::jsonb ->> 'run_after_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_gt'
            OR dag_run.run_after > ($1::jsonb ->> 'run_after_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_lte'
            OR dag_run.run_after <= ($1::jsonb ->> 'run_after_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_lt'
            OR dag_run.run_after < ($1::jsonb ->> 'run_after_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_gte'
            OR dag_run.logical_date >= ($1::jsonb ->> 'logical_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_gt'
            OR dag_run.logical_date > ($1::jsonb ->> 'logical_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_lte'
            OR dag_run.logical_date <= ($1::jsonb ->> 'logical_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_lt'
            OR dag_run.logical_date < ($1::jsonb ->> 'logical_date_lt')::timestamptz)
        -- A date that has not come yet lies after every lower bound, and is at least now for an upper one.
        AND (NOT $1::jsonb ? 'start_date_gte'
            OR coalesce(dag_run.start_date, 'infinity') >= ($1::jsonb ->> 'start_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_gt'
            OR coalesce(dag_run.start_date, 'infinity') > ($1::jsonb ->> 'start_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_lte'
            OR coalesce(dag_run.start_date, $6) <= ($1::jsonb ->> 'start_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_lt'
            OR coalesce(dag_run.start_date, $6) < ($1::jsonb ->> 'start_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_gte'
            OR coalesce(dag_run.end_date, 'infinity') >= ($1::jsonb ->> 'end_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_gt'
            OR coalesce(dag_run.end_date, 'infinity') > ($1::jsonb ->> 'end_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_lte'
            OR coalesce(dag_run.end_date, $6) <= ($1::jsonb ->> 'end_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_lt'
            OR coalesce(dag_run.end_date, $6) < ($1::jsonb ->> 'end_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_gte'
            OR dag_run.updated_at >= ($1::jsonb ->> 'updated_at_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_gt'
            OR dag_run.updated_at > ($1::jsonb ->> 'updated_at_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_lte'
            OR dag_run.updated_at <= ($1::jsonb ->> 'updated_at_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_lt'
            OR dag_run.updated_at < ($1::jsonb ->> 'updated_at_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'duration_gte' OR dag_run.duration >= ($1::jsonb ->> 'duration_gte')::float8)
        AND (NOT $1::jsonb ? 'duration_gt' OR dag_run.duration > ($1::jsonb ->> 'duration_gt')::float8)
        AND (NOT $1::jsonb ? 'duration_lte' OR dag_run.duration <= ($1::jsonb ->> 'duration_lte')::float8)
        AND (NOT $1::jsonb ? 'duration_lt' OR dag_run.duration < ($1::jsonb ->> 'duration_lt')::float8)
), page AS (
    SELECT
        CASE
            WHEN $4::bigint IS NOT NULL THEN (SELECT place FROM matching WHERE id = $4)
            WHEN $5::bigint IS NOT NULL THEN (SELECT greatest(place - 1 - $2, 0) FROM matching WHERE id = $5)
            ELSE $3::bigint
        END AS skipped,
        coalesce((SELECT least($2::bigint, place - 1) FROM matching WHERE id = $5), $2) AS length,
        (SELECT count(*) FROM matching) AS total_entries
)
SELECT
    page.total_entries, page.skipped, matching.place, dag_run.id, dag_run.dag_id, dag_run.run_id AS dag_run_id,
    dag_run.state, dag_run.run_type, dag_run.triggered_by, dag_run.triggering_user_name, dag_run.logical_date,
    dag_run.data_interval_start, dag_run.data_interval_end, dag_run.run_after, dag_run.queued_at, dag_run.start_date,
    dag_run.end_date, extract(epoch FROM dag_run.end_date - dag_run.start_date)::float8 AS duration,
    dag_run.last_scheduling_decision, dag_run.conf, dag_run.note, dag_run.bundle_version, dag_run.partition_key,
    dag_run.partition_date,
    dag_version.id AS version_id, dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name
FROM page
LEFT JOIN matching ON matching.place > page.skipped AND matching.place <= page.skipped + page.length
LEFT JOIN dag_run ON dag_run.id = matching.id
LEFT JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY matching.place
