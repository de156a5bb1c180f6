-- Registers or renews a scheduler's lease; no row if it was taken for dead. By primary key.
INSERT INTO scheduler AS s (id, renewed_at, renewed_at_tick, started_at, hostname)
SELECT $1::uuid, $2::timestamptz, c.tick, $2::timestamptz, $3::text FROM lease_clock c
ON CONFLICT (id) DO UPDATE SET renewed_at = excluded.renewed_at, renewed_at_tick = excluded.renewed_at_tick
WHERE s.expired_at IS NULL
RETURNING true AS is_alive
