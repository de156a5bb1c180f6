-- These pools as they are, for a transaction that will change or remove them, in the order in which batches of the
-- schedulers lock them; slot_pool_pkey.
SELECT pool, slots, description, include_deferred
FROM slot_pool
WHERE pool = ANY ($1::text[])
ORDER BY pool
FOR NO KEY UPDATE
