-- A page of task instances, for people: those of one run by task_instance_pkey, of a DAG by its runs, of all
-- in trouble by task_instance_troubled; all others by a scan.
-- sort id: ti.id
-- sort state: nullif(ti.state, 'none')
-- sort duration: ti.end_date - ti.start_date
-- sort start_date: ti.start_date
-- sort end_date: ti.end_date
-- sort map_index: ti.map_index
-- sort try_number: ti.try_number
-- sort logical_date: dag_run.logical_date
-- sort run_after: dag_run.run_after
-- sort data_interval_start: dag_run.data_interval_start
-- sort data_interval_end: dag_run.data_interval_end
-- sort rendered_map_index: ti.rendered_map_index; ti.map_index
-- sort operator: ti.operator
-- filter visible_dag_ids: ti.dag_run_id = ANY (ARRAY(SELECT id FROM dag_run WHERE dag_id = ANY ($value::text[])))
-- filter visible_dag_pattern: dag_run.dag_id ~ $value::text
-- filter dag_id: ti.dag_run_id = ANY (ARRAY(SELECT id FROM dag_run WHERE dag_id = $value::text))
-- filter of_run: ti.dag_run_id = $value::bigint
-- filter dag_ids: ti.dag_run_id = ANY (ARRAY(SELECT id FROM dag_run WHERE dag_id = ANY ($value::text[])))
-- filter run_ids: dag_run.run_id = ANY ($value::text[])
-- filter task_id: ti.task_id = $value::text
-- filter task_ids: ti.task_id = ANY ($value::text[])
-- filter is_mapped: (ti.map_index >= 0) = $value::boolean
-- filter matches_nothing: false
-- filter state: ti.state = ANY ($value::text[])
-- filter pool: ti.pool = ANY ($value::text[])
-- filter queue: ti.queue = ANY ($value::text[])
-- filter executor: ti.executor = ANY ($value::text[])
-- filter operator: ti.operator = ANY ($value::text[])
-- filter try_number: ti.try_number = ANY ($value::integer[])
-- filter map_index: ti.map_index = ANY ($value::integer[])
-- filter version_number: EXISTS (SELECT FROM dag_version WHERE dag_version.id = dag_run.dag_version_id AND
--     dag_version.version_number = ANY ($value::integer[]))
-- filter task_display_name_pattern: coalesce(ti.task_display_name, ti.task_id) ILIKE ANY ($value::text[])
-- filter task_display_name_prefix_pattern: coalesce(ti.task_display_name, ti.task_id) ^@ ANY ($value::text[])
-- filter dag_id_pattern: dag_run.dag_id ILIKE ANY ($value::text[])
-- filter dag_id_prefix_pattern: dag_run.dag_id ^@ ANY ($value::text[])
-- filter run_id_pattern: dag_run.run_id ILIKE ANY ($value::text[])
-- filter run_id_prefix_pattern: dag_run.run_id ^@ ANY ($value::text[])
-- filter rendered_map_index_pattern: coalesce(ti.rendered_map_index, CASE WHEN ti.map_index >= 0 THEN
--     ti.map_index::text END) ILIKE ANY ($value::text[])
-- filter rendered_map_index_prefix_pattern: coalesce(ti.rendered_map_index, CASE WHEN ti.map_index >= 0 THEN
--     ti.map_index::text END) ^@ ANY ($value::text[])
-- filter pool_name_pattern: ti.pool ILIKE ANY ($value::text[])
-- filter pool_name_prefix_pattern: ti.pool ^@ ANY ($value::text[])
-- filter queue_name_pattern: ti.queue ILIKE ANY ($value::text[])
-- filter queue_name_prefix_pattern: ti.queue ^@ ANY ($value::text[])
-- filter operator_name_pattern: ti.operator ILIKE ANY ($value::text[])
-- filter operator_name_prefix_pattern: ti.operator ^@ ANY ($value::text[])
-- filter run_after_gte: dag_run.run_after >= $value::timestamptz
-- filter run_after_gt: dag_run.run_after > $value::timestamptz
-- filter run_after_lte: dag_run.run_after <= $value::timestamptz
-- filter run_after_lt: dag_run.run_after < $value::timestamptz
-- filter logical_date_gte: dag_run.logical_date >= $value::timestamptz
-- filter logical_date_gt: dag_run.logical_date > $value::timestamptz
-- filter logical_date_lte: dag_run.logical_date <= $value::timestamptz
-- filter logical_date_lt: dag_run.logical_date < $value::timestamptz
-- filter start_date_gte: coalesce(ti.start_date, 'infinity') >= $value::timestamptz
-- filter start_date_gt: coalesce(ti.start_date, 'infinity') > $value::timestamptz
-- filter start_date_lte: coalesce(ti.start_date, $now) <= $value::timestamptz
-- filter start_date_lt: coalesce(ti.start_date, $now) < $value::timestamptz
-- filter end_date_gte: coalesce(ti.end_date, 'infinity') >= $value::timestamptz
-- filter end_date_gt: coalesce(ti.end_date, 'infinity') > $value::timestamptz
-- filter end_date_lte: coalesce(ti.end_date, $now) <= $value::timestamptz
-- filter end_date_lt: coalesce(ti.end_date, $now) < $value::timestamptz
-- filter updated_at_gte: latest.change_at >= $value::timestamptz
-- filter updated_at_gt: latest.change_at > $value::timestamptz
-- filter updated_at_lte: latest.change_at <= $value::timestamptz
-- filter updated_at_lt: latest.change_at < $value::timestamptz
-- filter duration_gte: extract(epoch FROM ti.end_date - ti.start_date) >= $value::float8
-- filter duration_gt: extract(epoch FROM ti.end_date - ti.start_date) > $value::float8
-- filter duration_lte: extract(epoch FROM ti.end_date - ti.start_date) <= $value::float8
-- filter duration_lt: extract(epoch FROM ti.end_date - ti.start_date) < $value::float8
WITH matching AS (
    SELECT
        ti.id, ti.dag_run_id, ti.task_id, ti.map_index,
        row_number() OVER (ORDER BY /* sort */ ti.dag_run_id, ti.task_id, ti.map_index /* end */) AS place
    /* list */
    FROM task_instance AS ti
    LEFT JOIN dag_run ON dag_run.id = ti.dag_run_id -- which every one has: left out where nobody asks for it
    CROSS JOIN LATERAL (
        SELECT greatest(ti.scheduled_at, ti.published_at, ti.start_date, ti.recorded_at, ti.end_date) AS change_at
    ) AS latest
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ ti.dag_run_id, ti.task_id, ti.map_index /* end */
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
    dag_version.structure_digest AS version_digest
FROM matching
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = matching.dag_run_id AND ti.task_id = matching.task_id AND ti.map_index = matching.map_index
LEFT JOIN dag_run ON dag_run.id = ti.dag_run_id
LEFT JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN trigger ON trigger.attempt_id = ti.attempt_id
LEFT JOIN triggerer ON triggerer.id = trigger.triggerer_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY matching.place
