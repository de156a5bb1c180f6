-- The latest attempt of a task instance, the worker that runs it and the trigger that it waits for. By primary keys and
-- trigger_attempt_id_key.
SELECT
    t.queue, t.executor, t.queued_at, t.published_at, t.publish_count, t.start_date, t.end_date, t.cause, t.detail,
    t.hostname, t.pid, t.end_pending, t.lost_attempts, t.dispatch_failures,
    w.worker_id, w.hostname AS worker_hostname, w.kind, w.queues, w.concurrency, w.attempts,
    extract(epoch FROM $4::timestamptz - w.renewed_at)::float8 AS age_seconds,
    g.classpath, g.created_at AS trigger_created_at, g.timeout_at, e.hostname AS triggerer_hostname,
    extract(epoch FROM $4::timestamptz - e.renewed_at)::float8 AS triggerer_age_seconds,
    (
        SELECT count(*)
        FROM triggerer a
        WHERE c.tick - a.renewed_at_tick <= c.lease_seconds
            AND $4::timestamptz - a.renewed_at <= make_interval(secs => 6 * c.lease_seconds)
    )::integer AS alive_triggerers
FROM task_instance t
CROSS JOIN lease_clock c
LEFT JOIN worker w
    ON w.worker_id = t.worker_id AND w.incarnation = t.incarnation AND t.state IN ('running', 'restarting')
LEFT JOIN trigger g ON g.attempt_id = t.attempt_id
LEFT JOIN triggerer e ON e.id = g.triggerer_id
WHERE t.dag_run_id = $1 AND t.task_id = $2 AND t.map_index = $3
