-- A page of questions to people, of task instances' latest tries: those of one run by its key, of all by a scan of the
-- questions, which are few. $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort ti_id: ti.id
-- sort subject: asked.subject
-- sort responded_at: asked.responded_at
-- sort created_at: asked.created_at
-- sort responded_by_user_id: asked.responded_by ->> 'id'
-- sort responded_by_user_name: asked.responded_by ->> 'name'
-- sort dag_id: dag_run.dag_id
-- sort run_id: dag_run.run_id
-- sort task_display_name: coalesce(ti.task_display_name, ti.task_id)
-- sort run_after: dag_run.run_after
-- sort rendered_map_index: ti.map_index
-- sort task_instance_operator: ti.operator
-- sort task_instance_state: ti.state
WITH matching AS (
    SELECT
        ti.dag_run_id, ti.task_id, ti.map_index, ti.try_number,
        row_number() OVER (ORDER BY /* sort */ ti.id /* end */) AS place
    FROM hitl_detail AS asked
    JOIN dag_run ON dag_run.id = asked.dag_run_id
    JOIN task_instance AS ti
        ON ti.dag_run_id = asked.dag_run_id AND ti.task_id = asked.task_id AND ti.map_index = asked.map_index
        AND ti.try_number = asked.try_number
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR dag_run.dag_id = $1::jsonb ->> 'dag_id')
        AND ($1::jsonb ->> 'run_id' IS NULL OR dag_run.run_id = $1::jsonb ->> 'run_id')
        AND ($1::jsonb ->> 'task_id' IS NULL OR ti.task_id = $1::jsonb ->> 'task_id')
        AND (NOT $1::jsonb ? 'map_index' OR ti.map_index = ($1::jsonb ->> 'map_index')::integer)
        AND (NOT $1::jsonb ? 'state'
            OR ti.state = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'state'))))
        AND (NOT $1::jsonb ? 'dag_id_pattern' OR dag_run.dag_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_pattern'))))
        AND (NOT $1::jsonb ? 'dag_id_prefix_pattern' OR dag_run.dag_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'task_id_pattern' OR ti.task_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_id_pattern'))))
        AND (NOT $1::jsonb ? 'task_id_prefix_pattern' OR ti.task_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'response_received'
            OR (asked.responded_at IS NOT NULL) = ($1::jsonb ->> 'response_received')::boolean)
        AND (NOT $1::jsonb ? 'responded_by_user_id' OR asked.responded_by ->> 'id' = ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'responded_by_user_id'))))
        AND (NOT $1::jsonb ? 'responded_by_user_name' OR asked.responded_by ->> 'name' = ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'responded_by_user_name'))))
        AND (NOT $1::jsonb ? 'subject_search' OR asked.subject ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'subject_search'))))
        AND (NOT $1::jsonb ? 'body_search' OR asked.body ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'body_search'))))
        AND (NOT $1::jsonb ? 'created_at_gte'
            OR asked.created_at >= ($1::jsonb ->> 'created_at_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'created_at_gt' OR asked.created_at > ($1::jsonb ->> 'created_at_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'created_at_lte'
            OR asked.created_at <= ($1::jsonb ->> 'created_at_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'created_at_lt' OR asked.created_at < ($1::jsonb ->> 'created_at_lt')::timestamptz)
)
SELECT
    (SELECT count(*) FROM matching) AS total_entries, matching.place,
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
    dag_version.structure_digest AS version_digest,
    asked.subject, asked.body, asked.options, asked.defaults, asked.multiple, asked.params, asked.assigned_users,
    asked.created_at, asked.responded_at, asked.responded_by, asked.chosen_options, asked.params_input
FROM (SELECT) AS always
LEFT JOIN matching ON matching.place > $3 AND matching.place <= $3 + $2
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = matching.dag_run_id AND ti.task_id = matching.task_id AND ti.map_index = matching.map_index
LEFT JOIN hitl_detail AS asked
    ON asked.dag_run_id = matching.dag_run_id AND asked.task_id = matching.task_id
    AND asked.map_index = matching.map_index AND asked.try_number = matching.try_number
LEFT JOIN dag_run ON dag_run.id = ti.dag_run_id
LEFT JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN trigger ON trigger.attempt_id = ti.attempt_id
LEFT JOIN triggerer ON triggerer.id = trigger.triggerer_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY matching.place
