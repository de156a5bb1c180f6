-- Sweep: queued attempts of owned runs whose message was published too long ago; the wait doubles each time.
-- By dag_run_running and task_instance_unclaimed.
WITH due AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, t.priority_weight
    FROM task_instance t
    WHERE t.dag_run_id = ANY(ARRAY(SELECT r.id FROM dag_run r WHERE r.owner = $1::uuid AND r.state = 'running'))
        AND t.state = 'queued'
        AND t.published_at < $2::timestamptz
            - least($3::interval * power(2, least(greatest(t.publish_count - 1, 0), 20)), $4::interval)
    ORDER BY t.priority_weight DESC, t.dag_run_id, t.task_id, t.map_index
    LIMIT $5::integer
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE task_instance t
SET published_at = $2::timestamptz, publish_count = t.publish_count + 1
FROM due d
WHERE t.dag_run_id = d.dag_run_id AND t.task_id = d.task_id AND t.map_index = d.map_index
RETURNING t.dag_run_id, t.task_id, t.map_index, t.priority_weight
