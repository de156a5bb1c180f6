-- Tombstones schedulers whose lease ran out on the lease clock. Few rows.
WITH expired AS MATERIALIZED (
    SELECT s.id
    FROM scheduler s
    CROSS JOIN lease_clock c
    WHERE s.expired_at IS NULL
        AND c.tick >= c.silent_until_tick
        AND c.tick - s.renewed_at_tick > $2::double precision
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
)
UPDATE scheduler s SET expired_at = $1::timestamptz FROM expired e WHERE s.id = e.id RETURNING s.id
