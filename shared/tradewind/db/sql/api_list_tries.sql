-- All tries of one task instance, oldest first: finished ones from the history (of a try that was dispatched again
-- after a loss, its last attempt), and the latest unless it stands in the history already;
-- task_instance_history_pkey, task_instance_pkey.
WITH dag_run AS (
    SELECT id, dag_id, run_id, dag_version_id FROM dag_run WHERE dag_id = $1 AND run_id = $2
), past AS (
    SELECT DISTINCT ON (try_number)
        task_id, map_index, start_date, end_date, state, try_number, max_tries, task_display_name, hostname, pool,
        pool_slots, queue, priority_weight, operator, queued_at, scheduled_at, pid, executor
    FROM task_instance_history
    WHERE dag_run_id = (SELECT id FROM dag_run) AND task_id = $3 AND map_index = $4
    ORDER BY try_number, recorded_at DESC
), tries AS (
    SELECT task_id, map_index, start_date, end_date, state, try_number, max_tries, task_display_name, hostname, pool,
        pool_slots, queue, priority_weight, operator, queued_at, scheduled_at, pid, executor FROM past
    UNION ALL
    SELECT task_id, map_index, start_date, end_date, state, try_number, max_tries, task_display_name, hostname, pool,
        pool_slots, queue, priority_weight, operator, queued_at, scheduled_at, pid, executor
    FROM task_instance
    WHERE dag_run_id = (SELECT id FROM dag_run) AND task_id = $3 AND map_index = $4
        -- cleared, or waiting for another try: the latest one is over
        AND try_number NOT IN (SELECT try_number FROM past)
)
SELECT DISTINCT ON (past.try_number)
    past.task_id, dag_run.dag_id, dag_run.run_id AS dag_run_id, past.map_index, past.start_date, past.end_date,
    extract(epoch FROM past.end_date - past.start_date)::float8 AS duration, past.state, past.try_number,
    past.max_tries,
    coalesce(past.task_display_name, past.task_id) AS task_display_name,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name, past.hostname, past.pool, past.pool_slots,
    past.queue, past.priority_weight, past.operator, past.queued_at AS queued_when, past.scheduled_at AS scheduled_when,
    past.pid, past.executor, dag_version.id AS version_id, dag_version.version_number,
    dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    dag_version.structure_digest AS version_digest
FROM tries AS past
CROSS JOIN dag_run
JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
ORDER BY past.try_number, past.end_date DESC NULLS FIRST
