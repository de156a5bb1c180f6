-- Registers or renews a scheduler's lease; no row if it was taken for dead. By primary key.
INSERT INTO scheduler AS s (id, renewed_at, renewed_at_tick)
SELECT $1::uuid, $2::timestamptz, c.tick FROM lease_clock c
ON CONFLICT (id) DO UPDATE SET renewed_at = excluded.renewed_at, renewed_at_tick = excluded.renewed_at_tick
WHERE s.expired_at IS NULL
RETURNING true AS is_alive
