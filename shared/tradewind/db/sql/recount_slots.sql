-- Sets `used` of every (locked) limit to what task instances hold; returns what was off.
-- By task_instance_holding and task_instance_keeping.
WITH held AS MATERIALIZED (
    SELECT pool, sum(slots)::integer AS slots, sum(attempts)::integer AS attempts
    FROM (
        SELECT t.pool, sum(t.held_slots), count(*) FROM task_instance t WHERE t.held_slots > 0 GROUP BY t.pool
        UNION ALL
        SELECT t.pool, sum(t.kept_slots), 0 FROM task_instance t WHERE t.kept_slots > 0 GROUP BY t.pool
    ) AS each (pool, slots, attempts)
    GROUP BY pool
),
pools AS (
    UPDATE slot_pool p
    SET used = c.slots
    FROM (
        SELECT s.pool, s.used, coalesce(h.slots, 0) AS slots FROM slot_pool s LEFT JOIN held h ON h.pool = s.pool
    ) AS c
    WHERE p.pool = c.pool AND c.used <> c.slots
    RETURNING p.pool AS name, c.slots - c.used AS drift
),
cap AS (
    UPDATE parallelism m
    SET used = c.attempts
    FROM (SELECT coalesce(sum(attempts), 0)::integer AS attempts, (SELECT used FROM parallelism) AS used FROM held) AS c
    WHERE m.singleton AND c.used <> c.attempts
    RETURNING 'parallelism' AS name, c.attempts - c.used AS drift
)
SELECT name, drift FROM pools
UNION ALL
SELECT name, drift FROM cap
ORDER BY name
