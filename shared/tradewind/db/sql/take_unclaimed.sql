-- Sweep: queued attempts of owned runs whose message was published too long ago; the wait doubles each time.
-- Those behind a message of their queue that was claimed within $6 only wait their turn; null = all are taken for lost.
-- By dag_run_running, task_instance_unclaimed and, if any is due, task_instance_running.
WITH draining AS MATERIALIZED (
    SELECT t.queue, min(t.published_at) AS published_at
    FROM task_instance t
    WHERE t.state IN ('running', 'restarting') AND t.start_date >= $2::timestamptz - $6::interval
    GROUP BY t.queue
),
due AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, t.priority_weight
    FROM task_instance t
    WHERE t.dag_run_id = ANY(ARRAY(SELECT r.id FROM dag_run r WHERE r.owner = $1::uuid AND r.state = 'running'))
        AND t.state = 'queued'
        AND t.published_at < $2::timestamptz
            - least($3::interval * power(2, least(greatest(t.publish_count - 1, 0), 20)), $4::interval)
        AND NOT EXISTS (SELECT FROM draining d WHERE d.queue = t.queue AND d.published_at <= t.published_at)
    ORDER BY t.priority_weight DESC, t.dag_run_id, t.task_id, t.map_index
    LIMIT $5::integer
    FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE task_instance t
SET published_at = $2::timestamptz, publish_count = t.publish_count + 1
FROM due d
WHERE t.dag_run_id = d.dag_run_id AND t.task_id = d.task_id AND t.map_index = d.map_index
RETURNING t.dag_run_id, t.task_id, t.map_index, t.priority_weight
