-- Task instances by their keys, for people, in key order; task_instance_pkey, dag_run_pkey.
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
    triggerer.renewed_at AS triggerer_renewed_at, dag_version.id AS version_id,
    dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    dag_version.structure_digest AS version_digest
FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS named (dag_run_id, task_id, map_index)
JOIN task_instance AS ti
    ON ti.dag_run_id = named.dag_run_id AND ti.task_id = named.task_id AND ti.map_index = named.map_index
JOIN dag_run ON dag_run.id = ti.dag_run_id
JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN trigger ON trigger.attempt_id = ti.attempt_id
LEFT JOIN triggerer ON triggerer.id = trigger.triggerer_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY ti.dag_run_id, ti.task_id, ti.map_index
