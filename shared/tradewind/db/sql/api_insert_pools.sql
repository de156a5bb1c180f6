-- New pools; a name that is taken gives no row. A pool that is there again counts what task instances hold of it since
-- it was there before, by task_instance_holding and task_instance_keeping; slot_pool_pkey.
INSERT INTO slot_pool (pool, slots, description, include_deferred, used)
SELECT new.pool, new.slots, new.description, new.include_deferred, held.slots + kept.slots
FROM unnest($1::text[], $2::integer[], $3::text[], $4::boolean[])
    AS new (pool, slots, description, include_deferred)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.held_slots), 0)::integer AS slots
    FROM task_instance t
    WHERE t.pool = new.pool AND t.held_slots > 0
) AS held
CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.kept_slots), 0)::integer AS slots
    FROM task_instance t
    WHERE t.pool = new.pool AND t.kept_slots > 0
) AS kept
ORDER BY new.pool
ON CONFLICT (pool) DO NOTHING
RETURNING pool
