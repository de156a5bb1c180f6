-- A page of workers and local executors as last heard of, each by its latest incarnation; of processes that run one
-- attempt only those that are alive. What they run by task_instance_running, once per worker of the page.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset, $4 now.
-- sort worker_id: seen.worker_id
-- sort hostname: seen.hostname
-- sort kind: seen.kind
-- sort state: seen.state
-- sort concurrency: seen.concurrency
-- sort started_at: seen.started_at
-- sort last_heartbeat_at: seen.renewed_at
WITH seen AS MATERIALIZED (
    SELECT
        w.*,
        c.lease_seconds - (c.tick - w.renewed_at_tick) AS lease_left_seconds,
        CASE
            WHEN w.expired_at IS NOT NULL THEN 'lost'
            WHEN c.tick - w.renewed_at_tick > c.lease_seconds THEN 'lost'
            -- Nobody is left to advance the lease clock.
            WHEN $4::timestamptz - w.renewed_at > make_interval(secs => 6 * c.lease_seconds) THEN 'lost'
            WHEN w.is_draining OR w.drain_asked_at IS NOT NULL THEN 'draining'
            ELSE 'running'
        END AS state
    FROM (
        SELECT DISTINCT ON (worker_id) * FROM worker ORDER BY worker_id, started_at DESC, incarnation DESC
    ) AS w
    CROSS JOIN lease_clock c
), matching AS (
    SELECT
        seen.worker_id, seen.incarnation,
        row_number() OVER (ORDER BY /* sort */ seen.worker_id /* end */) AS place
    FROM seen
    WHERE (seen.kind <> 'single' OR seen.state <> 'lost')
        AND ($1::jsonb ->> 'worker_id' IS NULL OR seen.worker_id = $1::jsonb ->> 'worker_id')
        AND ($1::jsonb ->> 'hostname' IS NULL OR seen.hostname = $1::jsonb ->> 'hostname')
        AND ($1::jsonb ->> 'kind' IS NULL OR seen.kind = $1::jsonb ->> 'kind')
        AND ($1::jsonb ->> 'state' IS NULL OR seen.state = $1::jsonb ->> 'state')
        AND ($1::jsonb ->> 'queue' IS NULL OR $1::jsonb ->> 'queue' = ANY(seen.queues))
        AND ($1::jsonb ->> 'tag' IS NULL OR $1::jsonb ->> 'tag' = ANY(seen.tags))
)
SELECT
    total.total_entries, matching.place, seen.worker_id, seen.incarnation, seen.hostname, seen.pid, seen.kind, seen.state,
    seen.queues, seen.tags, seen.pools, seen.concurrency, busy.slots AS busy_slots,
    CASE WHEN seen.concurrency > 0 THEN greatest(seen.concurrency - busy.slots, 0) END AS free_slots,
    seen.started_at, seen.renewed_at AS last_heartbeat_at,
    greatest(extract(epoch FROM $4::timestamptz - seen.renewed_at)::float8, 0) AS heartbeat_age_seconds,
    CASE WHEN seen.state = 'lost' THEN 0 ELSE greatest(seen.lease_left_seconds, 0) END AS lease_left_seconds,
    seen.drain_asked_at, seen.expired_at
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN seen ON seen.worker_id = matching.worker_id AND seen.incarnation = matching.incarnation
LEFT JOIN LATERAL (
    SELECT count(*) AS slots
    FROM task_instance t
    WHERE t.incarnation = seen.incarnation AND t.state IN ('running', 'restarting')
    OFFSET 0 -- planned by itself: one search per worker, never a scan of all that runs
) AS busy ON true
ORDER BY matching.place
