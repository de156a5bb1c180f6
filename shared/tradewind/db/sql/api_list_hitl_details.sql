-- A page of questions to people, of task instances' latest tries: those of one run by its key, of all by a scan of the
-- questions, which are few.
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
-- sort rendered_map_index: ti.rendered_map_index; ti.map_index
-- sort task_instance_operator: ti.operator
-- sort task_instance_state: nullif(ti.state, 'none')
-- filter visible_dag_ids: dag_run.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: dag_run.dag_id ~ $value::text
-- filter dag_id: dag_run.dag_id = $value::text
-- filter run_id: dag_run.run_id = $value::text
-- filter task_id: ti.task_id = $value::text
-- filter map_index: ti.map_index = $value::integer
-- filter state: ti.state = ANY ($value::text[])
-- filter dag_id_pattern: dag_run.dag_id ILIKE ANY ($value::text[])
-- filter dag_id_prefix_pattern: dag_run.dag_id ^@ ANY ($value::text[])
-- filter task_id_pattern: ti.task_id ILIKE ANY ($value::text[])
-- filter task_id_prefix_pattern: ti.task_id ^@ ANY ($value::text[])
-- filter response_received: (asked.responded_at IS NOT NULL) = $value::boolean
-- filter responded_by_user_id: asked.responded_by ->> 'id' = ANY ($value::text[])
-- filter responded_by_user_name: asked.responded_by ->> 'name' = ANY ($value::text[])
-- filter subject_search: asked.subject ILIKE ANY ($value::text[])
-- filter body_search: asked.body ILIKE ANY ($value::text[])
-- filter created_at_gte: asked.created_at >= $value::timestamptz
-- filter created_at_gt: asked.created_at > $value::timestamptz
-- filter created_at_lte: asked.created_at <= $value::timestamptz
-- filter created_at_lt: asked.created_at < $value::timestamptz
WITH matching AS (
    SELECT
        ti.dag_run_id, ti.task_id, ti.map_index, ti.try_number,
        row_number() OVER (ORDER BY /* sort */ ti.id /* end */) AS place
    /* list */
    FROM hitl_detail AS asked
    JOIN dag_run ON dag_run.id = asked.dag_run_id
    JOIN task_instance AS ti
        ON ti.dag_run_id = asked.dag_run_id AND ti.task_id = asked.task_id AND ti.map_index = asked.map_index
        AND ti.try_number = asked.try_number
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ ti.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place,
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
FROM matching
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
