-- Task instances that ends are reported of, with whom to tell; unlocked, since the write checks again.
-- By dag_run_dag_id_run_id_key and task_instance_pkey; in two steps, so that both are searched by their whole key.
WITH named AS MATERIALIZED (
    SELECT a.*, r.id AS dag_run_id, r.owner, r.dag_version_id
    FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::uuid[])
        AS a (dag_id, run_id, task_id, map_index, attempt_id)
    JOIN dag_run r ON r.dag_id = a.dag_id AND r.run_id = a.run_id
)
SELECT
    n.attempt_id AS reported_attempt_id,
    n.owner,
    n.dag_version_id,
    t.dag_run_id, t.task_id, t.map_index, t.state, t.try_number, t.max_tries, t.attempt_id, t.lost_attempts,
    t.dispatch_failures, t.held_slots, t.end_pending, t.next_action_at, t.queued_at, t.published_at, t.publish_count,
    t.map_length, t.skip_requested, t.is_resuming, t.kept_slots,
    t.cause, t.worker_id, t.incarnation
FROM named n
JOIN task_instance t ON t.dag_run_id = n.dag_run_id AND t.task_id = n.task_id AND t.map_index = n.map_index
