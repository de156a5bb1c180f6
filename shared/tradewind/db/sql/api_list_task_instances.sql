-- A page of task instances, for people: those of one run by task_instance_pkey, of a DAG by its runs, of all by a scan.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset, $4 and $5: the id to continue after or before,
-- $6 now. total_entries counts what matches; skipped is null if the row to continue from is gone.
-- sort id: ti.id
-- sort state: ti.state
-- sort duration: ti.end_date - ti.start_date
-- sort start_date: ti.start_date
-- sort end_date: ti.end_date
-- sort map_index: ti.map_index
-- sort try_number: ti.try_number
-- sort logical_date: dag_run.logical_date
-- sort run_after: dag_run.run_after
-- sort data_interval_start: dag_run.data_interval_start
-- sort data_interval_end: dag_run.data_interval_end
-- sort rendered_map_index: ti.map_index
-- sort operator: ti.operator
WITH matching AS (
    SELECT
        ti.id, ti.dag_run_id, ti.task_id, ti.map_index,
        row_number() OVER (ORDER BY /* sort */ ti.id /* end */) AS place
    FROM task_instance AS ti
    JOIN dag_run ON dag_run.id = ti.dag_run_id
    CROSS JOIN LATERAL (
        SELECT greatest(ti.scheduled_at, ti.published_at, ti.start_date, ti.recorded_at, ti.end_date) AS change_at
    ) AS latest
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR dag_run.dag_id = $1::jsonb ->> 'dag_id')
        AND ($1::jsonb ->> 'run_id' IS NULL OR dag_run.run_id = $1::jsonb ->> 'run_id')
        AND ($1::jsonb ->> 'task_id' IS NULL OR ti.task_id = $1::jsonb ->> 'task_id')
        AND NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'state'
            OR ti.state = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'state'))))
        AND (NOT $1::jsonb ? 'pool'
            OR ti.pool = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'pool'))))
        AND (NOT $1::jsonb ? 'queue'
            OR ti.queue = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'queue'))))
        AND (NOT $1::jsonb ? 'executor'
            OR ti.executor = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'executor'))))
        AND (NOT $1::jsonb ? 'operator'
            OR ti.operator = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'operator'))))
        AND (NOT $1::jsonb ? 'try_number'
            OR ti.try_number = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'try_number')::integer)))
        AND (NOT $1::jsonb ? 'map_index'
            OR ti.map_index = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'map_index')::integer)))
        AND (NOT $1::jsonb ? 'version_number' OR EXISTS (
            SELECT FROM dag_version
            WHERE dag_version.id = dag_run.dag_version_id
                AND dag_version.version_number = ANY (
                    ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'version_number')::integer))))
        AND (NOT $1::jsonb ? 'task_display_name_pattern' OR coalesce(ti.task_display_name, ti.task_id) ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_display_name_pattern'))))
        AND (NOT $1::jsonb ? 'task_display_name_prefix_pattern' OR coalesce(ti.task_display_name, ti.task_id) ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_display_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'dag_id_pattern' OR dag_run.dag_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_pattern'))))
        AND (NOT $1::jsonb ? 'dag_id_prefix_pattern' OR dag_run.dag_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_pattern' OR dag_run.run_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_prefix_pattern' OR dag_run.run_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'rendered_map_index_pattern'
            OR coalesce(ti.rendered_map_index, CASE WHEN ti.map_index >= 0 THEN ti.map_index::text END) ILIKE ANY (
                ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'rendered_map_index_pattern'))))
        AND (NOT $1::jsonb ? 'rendered_map_index_prefix_pattern'
            OR coalesce(ti.rendered_map_index, CASE WHEN ti.map_index >= 0 THEN ti.map_index::text END) ^@ ANY (
                ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'rendered_map_index_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'pool_name_pattern' OR ti.pool ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'pool_name_pattern'))))
        AND (NOT $1::jsonb ? 'pool_name_prefix_pattern' OR ti.pool ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'pool_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'queue_name_pattern' OR ti.queue ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'queue_name_pattern'))))
        AND (NOT $1::jsonb ? 'queue_name_prefix_pattern' OR ti.queue ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'queue_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'operator_name_pattern' OR ti.operator ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'operator_name_pattern'))))
        AND (NOT $1::jsonb ? 'operator_name_prefix_pattern' OR ti.operator ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'operator_name_prefix_pattern'))))
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
            OR coalesce(ti.start_date, 'infinity') >= ($1::jsonb ->> 'start_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_gt'
            OR coalesce(ti.start_date, 'infinity') > ($1::jsonb ->> 'start_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_lte'
            OR coalesce(ti.start_date, $6) <= ($1::jsonb ->> 'start_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'start_date_lt'
            OR coalesce(ti.start_date, $6) < ($1::jsonb ->> 'start_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_gte'
            OR coalesce(ti.end_date, 'infinity') >= ($1::jsonb ->> 'end_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_gt'
            OR coalesce(ti.end_date, 'infinity') > ($1::jsonb ->> 'end_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_lte'
            OR coalesce(ti.end_date, $6) <= ($1::jsonb ->> 'end_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'end_date_lt'
            OR coalesce(ti.end_date, $6) < ($1::jsonb ->> 'end_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_gte'
            OR latest.change_at >= ($1::jsonb ->> 'updated_at_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_gt'
            OR latest.change_at > ($1::jsonb ->> 'updated_at_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_lte'
            OR latest.change_at <= ($1::jsonb ->> 'updated_at_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'updated_at_lt'
            OR latest.change_at < ($1::jsonb ->> 'updated_at_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'duration_gte'
            OR extract(epoch FROM ti.end_date - ti.start_date) >= ($1::jsonb ->> 'duration_gte')::float8)
        AND (NOT $1::jsonb ? 'duration_gt'
            OR extract(epoch FROM ti.end_date - ti.start_date) > ($1::jsonb ->> 'duration_gt')::float8)
        AND (NOT $1::jsonb ? 'duration_lte'
            OR extract(epoch FROM ti.end_date - ti.start_date) <= ($1::jsonb ->> 'duration_lte')::float8)
        AND (NOT $1::jsonb ? 'duration_lt'
            OR extract(epoch FROM ti.end_date - ti.start_date) < ($1::jsonb ->> 'duration_lt')::float8)
), page AS (
    SELECT
        CASE
            WHEN $4::uuid IS NOT NULL THEN (SELECT place FROM matching WHERE id = $4)
            WHEN $5::uuid IS NOT NULL THEN (SELECT greatest(place - 1 - $2, 0) FROM matching WHERE id = $5)
            ELSE $3::bigint
        END AS skipped,
        coalesce((SELECT least($2::bigint, place - 1) FROM matching WHERE id = $5), $2) AS length,
        (SELECT count(*) FROM matching) AS total_entries
)
SELECT
    page.total_entries, page.skipped, matching.place,
    ti.id, ti.task_id, dag_run.dag_id, dag_run.run_id AS dag_run_id, ti.map_index, dag_run.logical_date,
    dag_run.run_after, ti.start_date, ti.end_date,
    extract(epoch FROM ti.end_date - ti.start_date)::float8 AS duration, ti.state, ti.try_number, ti.max_tries,
    coalesce(ti.task_display_name, ti.task_id) AS task_display_name,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name, ti.hostname, ti.pool, ti.pool_slots, ti.queue,
    ti.priority_weight, ti.operator, ti.queued_at AS queued_when, ti.scheduled_at AS scheduled_when, ti.pid,
    ti.executor, ti.note, ti.rendered_fields, ti.rendered_map_index, trigger.id AS trigger_id,
    trigger.classpath AS trigger_classpath,
    trigger.queue AS trigger_queue, trigger.created_at AS trigger_created_at, triggerer.number AS triggerer_number,
    triggerer.hostname AS triggerer_hostname, triggerer.started_at AS triggerer_started_at,
    triggerer.renewed_at AS triggerer_renewed_at, dag_version.id AS version_id, dag_version.version_number,
    dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    dag_version.structure_digest AS version_digest
FROM page
LEFT JOIN matching ON matching.place > page.skipped AND matching.place <= page.skipped + page.length
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = matching.dag_run_id AND ti.task_id = matching.task_id AND ti.map_index = matching.map_index
LEFT JOIN dag_run ON dag_run.id = ti.dag_run_id
LEFT JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN trigger ON trigger.attempt_id = ti.attempt_id
LEFT JOIN triggerer ON triggerer.id = trigger.triggerer_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY matching.place
