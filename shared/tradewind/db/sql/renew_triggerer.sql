-- Registers or renews a triggerer's lease, and says whether it was registered; one that was taken for dead begins anew,
-- with no triggers. By primary key.
INSERT INTO triggerer AS t (id, hostname, capacity, started_at, renewed_at, renewed_at_tick)
SELECT $1::uuid, $2::text, $3::integer, $4::timestamptz, $4::timestamptz, c.tick FROM lease_clock c
ON CONFLICT (id) DO UPDATE SET
    capacity = excluded.capacity, renewed_at = excluded.renewed_at, renewed_at_tick = excluded.renewed_at_tick
RETURNING t.xmax = 0 AS is_new
