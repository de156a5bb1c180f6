-- A page of the audit log, for people; one DAG's by event_log_by_dag, a time's by event_log_by_time, else by its key;
-- dag_pkey, dag_run_dag_id_run_id_key, task_instance_pkey.
-- sort id: event_log.id
-- sort event_log_id: event_log.id
-- sort dttm: event_log.created_at
-- sort when: event_log.created_at
-- sort dag_id: event_log.dag_id
-- sort task_id: event_log.task_id
-- sort run_id: event_log.run_id
-- sort event: event_log.event
-- sort logical_date: event_log.logical_date
-- sort owner: event_log.owner
-- sort extra: event_log.extra
-- filter visible_dag_ids: event_log.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: event_log.dag_id ~ $value::text
-- filter dag_id: event_log.dag_id = $value::text
-- filter task_id: event_log.task_id = $value::text
-- filter run_id: event_log.run_id = $value::text
-- filter owner: event_log.owner = $value::text
-- filter event: event_log.event = $value::text
-- filter map_index: event_log.map_index = $value::integer
-- filter try_number: event_log.try_number = $value::integer
-- filter included_events: event_log.event = ANY ($value::text[])
-- filter excluded_events: event_log.event <> ALL ($value::text[])
-- filter before: event_log.created_at < $value::timestamptz
-- filter after: event_log.created_at > $value::timestamptz
-- filter dag_id_pattern: event_log.dag_id ILIKE ANY ($value::text[])
-- filter dag_id_prefix_pattern: event_log.dag_id ^@ ANY ($value::text[])
-- filter task_id_pattern: event_log.task_id ILIKE ANY ($value::text[])
-- filter task_id_prefix_pattern: event_log.task_id ^@ ANY ($value::text[])
-- filter run_id_pattern: event_log.run_id ILIKE ANY ($value::text[])
-- filter run_id_prefix_pattern: event_log.run_id ^@ ANY ($value::text[])
-- filter owner_pattern: event_log.owner ILIKE ANY ($value::text[])
-- filter owner_prefix_pattern: event_log.owner ^@ ANY ($value::text[])
-- filter event_pattern: event_log.event ILIKE ANY ($value::text[])
-- filter event_prefix_pattern: event_log.event ^@ ANY ($value::text[])
WITH matching AS (
    SELECT event_log.id, row_number() OVER (ORDER BY /* sort */ event_log.id /* end */) AS place
    /* list */ FROM event_log WHERE /* filters */ /* end */
    ORDER BY /* sort */ event_log.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    event_log.id AS event_log_id, event_log.created_at AS "when", event_log.event,
    event_log.dag_id, event_log.run_id, event_log.task_id, event_log.map_index, event_log.try_number,
    event_log.logical_date, event_log.owner, event_log.extra, event_log.via, event_log.remote_address,
    event_log.status, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name,
    coalesce(ti.task_display_name, ti.task_id) AS task_display_name
FROM matching
JOIN event_log ON event_log.id = matching.id
LEFT JOIN dag ON dag.dag_id = event_log.dag_id
LEFT JOIN dag_run ON dag_run.dag_id = event_log.dag_id AND dag_run.run_id = event_log.run_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = dag_run.id AND ti.task_id = event_log.task_id AND ti.map_index = coalesce(event_log.map_index, -1)
ORDER BY matching.place
