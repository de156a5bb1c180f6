-- From where a reader reads that wants what comes from now on; state_change_pkey.
SELECT
    pg_current_snapshot()::text AS snapshot,
    greatest((SELECT c.seq FROM state_change c ORDER BY c.seq DESC LIMIT 1), f.removed_through) AS floor
FROM state_change_floor f
