-- Renews the leases of workers (in key order) and reads what they are taken to run, in one round trip. A tombstoned
-- incarnation, or a beat that came late, renews nothing. By worker's primary key and task_instance_running.
WITH beats AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::text[], $3::uuid[], $4::text[], $5::integer[], $6::text[], $7::text[], $8::integer[], $9::bigint[],
        $10::integer[], $11::text[], $12::text[], $13::boolean[]
    ) AS b (
        worker_id, incarnation, hostname, pid, kind, queues, concurrency, sequence, attempts, tags, pools, is_draining
    )
),
clock AS MATERIALIZED (
    SELECT tick, lease_seconds FROM lease_clock
),
renewed AS (
    INSERT INTO worker AS w (
        worker_id, incarnation, hostname, pid, kind, queues, concurrency, sequence, attempts, started_at, renewed_at,
        renewed_at_tick, tags, pools, is_draining
    )
    SELECT
        b.worker_id, b.incarnation, b.hostname, b.pid, b.kind, string_to_array(b.queues, E'\n'), b.concurrency,
        b.sequence, b.attempts, $1::timestamptz, $1::timestamptz, c.tick, string_to_array(b.tags, E'\n'),
        string_to_array(b.pools, E'\n'), b.is_draining
    FROM beats b
    CROSS JOIN clock c
    ORDER BY b.worker_id, b.incarnation
    ON CONFLICT (worker_id, incarnation) DO UPDATE
    SET
        sequence = excluded.sequence,
        attempts = excluded.attempts,
        queues = excluded.queues,
        concurrency = excluded.concurrency,
        tags = excluded.tags,
        pools = excluded.pools,
        is_draining = excluded.is_draining,
        renewed_at = excluded.renewed_at,
        renewed_at_tick = excluded.renewed_at_tick
    WHERE w.expired_at IS NULL AND w.sequence < excluded.sequence
    RETURNING w.incarnation, w.drain_asked_at
)
SELECT
    b.incarnation,
    EXISTS (SELECT FROM renewed n WHERE n.incarnation = b.incarnation) AS is_renewed,
    EXISTS (SELECT FROM renewed n WHERE n.incarnation = b.incarnation AND n.drain_asked_at IS NOT NULL) AS drains,
    EXISTS (
        SELECT FROM worker w
        WHERE w.worker_id = b.worker_id AND w.incarnation = b.incarnation AND w.expired_at IS NOT NULL
    ) AS is_expired,
    t.attempt_id,
    t.state,
    t.missing_beats,
    c.tick - t.claimed_at_tick > c.lease_seconds AS is_overdue
FROM beats b
CROSS JOIN clock c
LEFT JOIN LATERAL (
    SELECT i.attempt_id, i.state, i.missing_beats, i.claimed_at_tick
    FROM task_instance i
    WHERE i.incarnation = b.incarnation AND i.state IN ('running', 'restarting')
    OFFSET 0 -- planned by itself: one search per worker, never a scan of all that runs
) AS t ON true
