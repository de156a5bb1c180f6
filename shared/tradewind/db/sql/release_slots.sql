-- Gives back what (locked) task instances hold that are about to be deleted: those of runs ($1), or ($2 not null) one
-- task instance of them. Limits are locked in key order. By task_instance_pkey.
WITH held AS MATERIALIZED (
    SELECT t.pool, sum(t.held_slots + t.kept_slots)::integer AS slots, count(*) FILTER (WHERE t.held_slots > 0) AS places
    FROM task_instance t
    WHERE t.dag_run_id = ANY($1::bigint[])
        AND ($2::text IS NULL OR (t.task_id = $2 AND t.map_index = $3::integer))
        AND t.held_slots + t.kept_slots > 0
    GROUP BY t.pool
),
pools AS MATERIALIZED (
    SELECT p.pool, h.slots FROM held h JOIN slot_pool p ON p.pool = h.pool ORDER BY p.pool FOR NO KEY UPDATE OF p
),
used_pools AS (
    UPDATE slot_pool p SET used = greatest(p.used - l.slots, 0) FROM pools l WHERE p.pool = l.pool
),
used_parallelism AS (
    UPDATE parallelism m
    SET used = greatest(m.used - (SELECT sum(places) FROM held), 0)
    WHERE m.singleton AND EXISTS (SELECT FROM held) AND (SELECT count(*) FROM pools) >= 0 -- locked after the pools
)
SELECT pool FROM pools
