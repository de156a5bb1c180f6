-- (Locked) pools as they are to be; what is used stays; slot_pool_pkey.
UPDATE slot_pool
SET slots = new.slots, description = new.description, include_deferred = new.include_deferred
FROM unnest($1::text[], $2::integer[], $3::text[], $4::boolean[])
    AS new (pool, slots, description, include_deferred)
WHERE slot_pool.pool = new.pool
RETURNING slot_pool.pool
