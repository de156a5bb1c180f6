-- Task instances that ends are reported of, with whom to tell; unlocked, since the write checks again. By unique keys.
SELECT
    a.attempt_id AS reported_attempt_id,
    r.owner,
    r.dag_version_id,
    t.dag_run_id, t.task_id, t.map_index, t.state, t.try_number, t.max_tries, t.attempt_id, t.lost_attempts,
    t.dispatch_failures, t.held_slots, t.end_pending, t.next_action_at, t.queued_at, t.published_at, t.publish_count,
    t.cause, t.worker_id, t.incarnation
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::uuid[])
    AS a (dag_id, run_id, task_id, map_index, attempt_id)
JOIN dag_run r ON r.dag_id = a.dag_id AND r.run_id = a.run_id
JOIN task_instance t ON t.dag_run_id = r.id AND t.task_id = a.task_id AND t.map_index = a.map_index
