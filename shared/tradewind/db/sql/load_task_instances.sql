-- All task instances of these runs, in key order. By primary key.
SELECT
    t.dag_run_id, t.task_id, t.map_index, t.state, t.try_number, t.max_tries, t.attempt_id, t.lost_attempts,
    t.dispatch_failures, t.held_slots, t.end_pending, t.next_action_at, t.queued_at, t.published_at, t.publish_count,
    t.map_length, t.skip_requested, t.is_resuming, t.kept_slots, t.by_hand
FROM task_instance t
WHERE t.dag_run_id = ANY($1::bigint[])
ORDER BY t.dag_run_id, t.task_id, t.map_index
