-- What waits and what runs by queue and executor (null: tasks that name none), and who listens; local executors, which
-- take whatever queue a task names, stand with an empty one. By task_instance_unclaimed and task_instance_running: cost
-- follows what is queued and what runs. $1 now, $2 at most so many rows.
WITH waiting AS (
    SELECT t.queue, t.executor, count(*) AS queued, min(t.queued_at) AS oldest_queued_at,
        coalesce(max(t.publish_count), 0) AS most_published
    FROM task_instance t
    WHERE t.state = 'queued'
    GROUP BY t.queue, t.executor
), running AS (
    SELECT t.queue, t.executor, count(*) AS running
    FROM task_instance t
    WHERE t.state IN ('running', 'restarting')
    GROUP BY t.queue, t.executor
), listening AS (
    SELECT q.queue,
        CASE w.kind WHEN 'local' THEN 'LocalExecutor' WHEN 'sequential' THEN 'SequentialExecutor' ELSE 'CeleryExecutor' END
            AS executor,
        w.concurrency, busy.slots AS busy,
        w.is_draining OR w.drain_asked_at IS NOT NULL AS drains
    FROM worker w
    CROSS JOIN lease_clock c
    CROSS JOIN LATERAL unnest(CASE w.kind WHEN 'celery' THEN w.queues ELSE '{""}' END) AS q (queue)
    LEFT JOIN LATERAL (
        SELECT count(*) AS slots
        FROM task_instance t
        WHERE t.incarnation = w.incarnation AND t.state IN ('running', 'restarting')
        OFFSET 0
    ) AS busy ON true
    WHERE w.expired_at IS NULL
        AND w.kind <> 'single'
        AND c.tick - w.renewed_at_tick <= c.lease_seconds
        AND $1::timestamptz - w.renewed_at <= make_interval(secs => 6 * c.lease_seconds)
), served AS (
    SELECT queue, executor, count(*) FILTER (WHERE NOT drains) AS workers, bool_or(concurrency = 0) AS is_unlimited,
        coalesce(sum(concurrency) FILTER (WHERE NOT drains), 0) AS slots,
        coalesce(sum(greatest(concurrency - busy, 0)) FILTER (WHERE NOT drains), 0) AS free_slots
    FROM listening
    GROUP BY queue, executor
)
SELECT
    k.queue, k.executor, coalesce(w.queued, 0) AS queued_attempts, w.oldest_queued_at,
    greatest(extract(epoch FROM $1::timestamptz - w.oldest_queued_at)::float8, 0) AS oldest_queued_seconds,
    coalesce(w.most_published, 0) AS most_published, coalesce(r.running, 0) AS running_attempts,
    coalesce(s.workers, 0) AS workers, coalesce(s.is_unlimited, false) AS is_unlimited,
    coalesce(s.slots, 0) AS slots, coalesce(s.free_slots, 0) AS free_slots
FROM (
    SELECT queue, executor FROM waiting
    UNION
    SELECT queue, executor FROM running
    UNION
    SELECT queue, executor FROM served
) AS k
LEFT JOIN waiting w ON w.queue = k.queue AND w.executor IS NOT DISTINCT FROM k.executor
LEFT JOIN running r ON r.queue = k.queue AND r.executor IS NOT DISTINCT FROM k.executor
LEFT JOIN served s ON s.queue = k.queue AND s.executor IS NOT DISTINCT FROM k.executor
ORDER BY k.queue, k.executor NULLS FIRST
LIMIT $2::integer
