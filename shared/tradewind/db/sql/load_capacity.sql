-- All shared limits. Few rows.
SELECT p.pool, p.slots, p.used, p.include_deferred, m.slots AS parallelism, m.used AS parallelism_used
FROM parallelism m
LEFT JOIN slot_pool p ON true
ORDER BY p.pool
