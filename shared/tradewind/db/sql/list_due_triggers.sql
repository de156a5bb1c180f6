-- Waits whose time is over, of tasks and of people, the longest due first: a triggerer's own, and those nobody runs.
-- By trigger_by_timeout and task_instance_pkey.
SELECT
    g.id, g.human_input, t.next_kwargs, h.responded_at, h.responded_by::text AS responded_by,
    h.chosen_options::text AS chosen_options, h.params_input::text AS params_input
FROM trigger g
JOIN task_instance t ON t.dag_run_id = g.dag_run_id AND t.task_id = g.task_id AND t.map_index = g.map_index
LEFT JOIN hitl_detail h ON h.attempt_id = g.attempt_id AND g.human_input IS NOT NULL
WHERE g.timeout_at <= $1::timestamptz AND (g.triggerer_id IS NULL OR g.triggerer_id = $3::uuid)
ORDER BY g.timeout_at, g.id
LIMIT $2::integer
