-- Sweep: owned runs with an end that nobody decided upon. By dag_run_running and task_instance_undecided.
SELECT r.id
FROM dag_run r
WHERE r.owner = $1::uuid AND r.state = 'running'
    AND EXISTS (
        SELECT FROM task_instance t
        WHERE t.dag_run_id = r.id AND t.end_pending AND t.recorded_at < $2::timestamptz
    )
ORDER BY r.id
