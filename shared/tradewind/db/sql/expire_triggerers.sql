-- Removes triggerers whose lease ran out on the lease clock; their triggers become anybody's. Few rows;
-- trigger_by_triggerer.
DELETE FROM triggerer t
USING lease_clock c
WHERE c.tick >= c.silent_until_tick AND c.tick - t.renewed_at_tick > $1::double precision
RETURNING t.id
