-- Who is ready and waits for slots of a pool, but for the tasks of one run ($2) and those of lower priority ($4), the
-- best first; one row without a run if there is nobody. By dag_run_running, task_instance_pkey, task_instance_holding.
WITH waiting AS MATERIALIZED (
    SELECT r.dag_id, t.dag_run_id, t.priority_weight AS priority, t.pool_slots AS slots
    FROM dag_run r
    JOIN dag d ON d.dag_id = r.dag_id AND NOT d.is_paused
    JOIN task_instance t ON t.dag_run_id = r.id
    WHERE r.state = 'running' AND t.state = 'scheduled' AND t.pool = $1
        AND (t.next_action_at IS NULL OR t.next_action_at <= $6::timestamptz)
),
active AS MATERIALIZED (
    SELECT r.dag_id, t.dag_run_id, count(*) AS tasks
    FROM task_instance t
    JOIN dag_run r ON r.id = t.dag_run_id
    WHERE t.held_slots > 0
    GROUP BY r.dag_id, t.dag_run_id
),
best AS MATERIALIZED (
    SELECT w.* FROM waiting w WHERE w.dag_run_id <> $2 AND w.priority >= $4::integer ORDER BY w.priority DESC LIMIT $5
)
SELECT
    (SELECT count(*) FROM waiting)::integer AS waiting,
    coalesce((SELECT sum(a.tasks) FROM active a WHERE a.dag_id = $3), 0)::integer AS own_dag_active,
    b.dag_id, b.dag_run_id, b.priority, b.slots,
    coalesce((SELECT sum(a.tasks) FROM active a WHERE a.dag_id = b.dag_id), 0)::integer AS dag_active,
    coalesce((SELECT sum(a.tasks) FROM active a WHERE a.dag_run_id = b.dag_run_id), 0)::integer AS run_active
FROM (SELECT 1) AS one
LEFT JOIN best b ON true
