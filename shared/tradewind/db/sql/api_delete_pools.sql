-- Removes (locked) pools; slot_pool_pkey.
DELETE FROM slot_pool WHERE pool = ANY ($1::text[]) RETURNING pool
