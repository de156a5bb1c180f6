-- Who holds the slots of a pool, those with most first, and how many there are. By task_instance_holding and
-- task_instance_keeping.
WITH held AS MATERIALIZED (
    SELECT
        t.dag_run_id, t.task_id, t.map_index, t.state, t.held_slots AS slots,
        coalesce(t.start_date, t.queued_at) AS since
    FROM task_instance t
    WHERE t.pool = $1 AND t.held_slots > 0
    UNION ALL
    SELECT t.dag_run_id, t.task_id, t.map_index, t.state, t.kept_slots, t.start_date
    FROM task_instance t
    WHERE t.pool = $1 AND t.kept_slots > 0
),
most AS MATERIALIZED (
    SELECT h.*, count(*) OVER () AS holders
    FROM held h
    ORDER BY h.slots DESC, h.since, h.dag_run_id, h.task_id, h.map_index
    LIMIT $2::integer
)
SELECT r.dag_id, r.run_id, m.task_id, m.map_index, m.state, m.slots, m.since, m.holders::integer AS holders
FROM most m
JOIN dag_run r ON r.id = m.dag_run_id
ORDER BY m.slots DESC, m.since, m.dag_run_id, m.task_id, m.map_index
