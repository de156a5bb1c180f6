-- What given-up workers still run, locked in key order. By task_instance_running.
SELECT
    r.owner,
    r.dag_version_id,
    t.dag_run_id, t.task_id, t.map_index, t.state, t.try_number, t.max_tries, t.attempt_id, t.lost_attempts,
    t.dispatch_failures, t.held_slots, t.end_pending, t.next_action_at, t.queued_at, t.published_at, t.publish_count,
    t.map_length, t.skip_requested, t.is_resuming, t.kept_slots,
    t.cause, t.worker_id, t.incarnation
FROM task_instance t
JOIN dag_run r ON r.id = t.dag_run_id
WHERE t.incarnation = ANY($1::uuid[]) AND t.state IN ('running', 'restarting')
ORDER BY t.dag_run_id, t.task_id, t.map_index
FOR NO KEY UPDATE OF t
