-- A page of workers and local executors as last heard of, each by its latest incarnation; of processes that run one
-- attempt only those that are alive. What they run by task_instance_running, once per worker of the page.
-- sort worker_id: seen.worker_id
-- sort hostname: seen.hostname
-- sort kind: seen.kind
-- sort state: seen.state
-- sort concurrency: seen.concurrency
-- sort started_at: seen.started_at
-- sort last_heartbeat_at: seen.renewed_at
-- filter worker_id: seen.worker_id = $value::text
-- filter hostname: seen.hostname = $value::text
-- filter kind: seen.kind = $value::text
-- filter state: seen.state = $value::text
-- filter queue: $value::text = ANY(seen.queues)
-- filter tag: $value::text = ANY(seen.tags)
WITH seen AS (
    SELECT
        seen.*,
        row_number() OVER (ORDER BY /* sort */ seen.worker_id /* end */) AS place
    /* list */
    FROM (
        SELECT
            w.*,
            c.lease_seconds - (c.tick - w.renewed_at_tick) AS lease_left_seconds,
            CASE
                WHEN w.expired_at IS NOT NULL THEN 'lost'
                WHEN c.tick - w.renewed_at_tick > c.lease_seconds THEN 'lost'
                -- Nobody is left to advance the lease clock.
                WHEN $now::timestamptz - w.renewed_at > make_interval(secs => 6 * c.lease_seconds) THEN 'lost'
                WHEN w.is_draining OR w.drain_asked_at IS NOT NULL THEN 'draining'
                ELSE 'running'
            END AS state
        FROM (
            SELECT DISTINCT ON (worker_id) * FROM worker ORDER BY worker_id, started_at DESC, incarnation DESC
        ) AS w
        CROSS JOIN lease_clock c
    ) AS seen
    WHERE (seen.kind <> 'single' OR seen.state <> 'lost') AND /* filters */
    /* end */
    ORDER BY /* sort */ seen.worker_id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    seen.place, seen.worker_id, seen.incarnation, seen.hostname, seen.pid, seen.kind, seen.state,
    seen.queues, seen.tags, seen.pools, seen.concurrency, busy.slots AS busy_slots,
    CASE WHEN seen.concurrency > 0 THEN greatest(seen.concurrency - busy.slots, 0) END AS free_slots,
    seen.started_at, seen.renewed_at AS last_heartbeat_at,
    greatest(extract(epoch FROM $now::timestamptz - seen.renewed_at)::float8, 0) AS heartbeat_age_seconds,
    CASE WHEN seen.state = 'lost' THEN 0 ELSE greatest(seen.lease_left_seconds, 0) END AS lease_left_seconds,
    seen.drain_asked_at, seen.expired_at
FROM seen
LEFT JOIN LATERAL (
    SELECT count(*) AS slots
    FROM task_instance t
    WHERE t.incarnation = seen.incarnation AND t.state IN ('running', 'restarting')
    OFFSET 0 -- planned by itself: one search per worker, never a scan of all that runs
) AS busy ON true
ORDER BY seen.place
