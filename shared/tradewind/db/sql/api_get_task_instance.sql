-- A task's instances in one run, by its names, lowest map index first ($4 null: whichever comes first);
-- dag_run_dag_id_run_id_key, task_instance_pkey, trigger_attempt_id_key.
SELECT
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
FROM dag_run
JOIN task_instance AS ti ON ti.dag_run_id = dag_run.id
JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN trigger ON trigger.attempt_id = ti.attempt_id
LEFT JOIN triggerer ON triggerer.id = trigger.triggerer_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2 AND ti.task_id = $3 AND ($4::integer IS NULL OR ti.map_index = $4)
ORDER BY ti.map_index
LIMIT 1
