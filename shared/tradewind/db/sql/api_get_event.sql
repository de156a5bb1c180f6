-- One entry of the audit log; event_log_pkey, dag_pkey, dag_run_dag_id_run_id_key, task_instance_pkey.
SELECT
    event_log.id AS event_log_id, event_log.created_at AS "when", event_log.event,
    event_log.dag_id, event_log.run_id, event_log.task_id, event_log.map_index, event_log.try_number,
    event_log.logical_date, event_log.owner, event_log.extra, event_log.via, event_log.remote_address,
    event_log.status, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name,
    coalesce(ti.task_display_name, ti.task_id) AS task_display_name
FROM event_log
LEFT JOIN dag ON dag.dag_id = event_log.dag_id
LEFT JOIN dag_run ON dag_run.dag_id = event_log.dag_id AND dag_run.run_id = event_log.run_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = dag_run.id AND ti.task_id = event_log.task_id AND ti.map_index = coalesce(event_log.map_index, -1)
WHERE event_log.id = $1
