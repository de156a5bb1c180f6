-- Living workers and local executors; who was silent for six leases is dead even if nobody is left to say so. One row
-- per process.
SELECT
    w.worker_id, w.hostname AS worker_hostname, w.kind, w.queues, w.concurrency, w.attempts,
    extract(epoch FROM $1::timestamptz - w.renewed_at)::float8 AS age_seconds
FROM worker w
CROSS JOIN lease_clock c
WHERE w.expired_at IS NULL
    AND w.kind <> 'single'
    AND c.tick - w.renewed_at_tick <= c.lease_seconds
    AND $1::timestamptz - w.renewed_at <= make_interval(secs => 6 * c.lease_seconds)
ORDER BY w.worker_id, w.incarnation
LIMIT $2::integer
