-- All limits, locked in the order in which batches lock them. Few rows.
WITH pools AS MATERIALIZED (
    SELECT p.pool FROM slot_pool p ORDER BY p.pool FOR NO KEY UPDATE
)
SELECT m.slots FROM parallelism m WHERE (SELECT count(*) >= 0 FROM pools) FOR NO KEY UPDATE
