-- A page of what runs where: attempts that workers have claimed and not ended. By task_instance_running; the runs of the
-- page by dag_run_pkey, their workers by worker_pkey.
-- sort start_date: t.start_date
-- sort duration: $now::timestamptz - t.start_date
-- sort worker_id: t.worker_id
-- sort queue: t.queue
-- sort pool: t.pool
-- sort task_id: t.task_id
-- filter incarnation: t.incarnation = $value::uuid
-- filter queue: t.queue = $value::text
-- filter pool: t.pool = $value::text
WITH matching AS (
    SELECT
        t.dag_run_id, t.task_id, t.map_index,
        row_number() OVER (ORDER BY /* sort */ t.id /* end */) AS place
    /* list */ FROM task_instance t WHERE t.state IN ('running', 'restarting') AND /* filters */ /* end */
    ORDER BY /* sort */ t.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, r.dag_id, r.run_id AS dag_run_id, t.task_id, t.map_index, t.try_number,
    t.attempt_id, t.state, t.worker_id, w.hostname, w.pid AS worker_pid, t.queue, t.executor, t.pool, t.pool_slots, t.operator,
    t.queued_at AS queued_when, t.start_date,
    greatest(extract(epoch FROM $now::timestamptz - t.start_date)::float8, 0) AS duration
FROM matching
LEFT JOIN task_instance t
    ON t.dag_run_id = matching.dag_run_id AND t.task_id = matching.task_id AND t.map_index = matching.map_index
LEFT JOIN dag_run r ON r.id = t.dag_run_id
LEFT JOIN worker w ON w.worker_id = t.worker_id AND w.incarnation = t.incarnation
ORDER BY matching.place
