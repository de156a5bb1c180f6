-- Tombstones workers whose lease ran out on the lease clock, a bounded number of them. Few rows.
WITH expired AS MATERIALIZED (
    SELECT w.worker_id, w.incarnation
    FROM worker w
    CROSS JOIN lease_clock c
    WHERE w.expired_at IS NULL
        AND c.tick >= c.silent_until_tick
        AND c.tick - w.renewed_at_tick > $2::double precision
    ORDER BY w.worker_id, w.incarnation
    LIMIT $3::integer
    FOR NO KEY UPDATE OF w
)
UPDATE worker w
SET expired_at = $1::timestamptz
FROM expired e
WHERE w.worker_id = e.worker_id AND w.incarnation = e.incarnation
RETURNING w.incarnation
