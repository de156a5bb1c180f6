-- A page of pools and how their slots are used, for people. What holds slots by task_instance_holding; what waits for
-- them by the running runs (dag_run_running_by_dag) and their task instances (task_instance_pkey).
-- sort id: slot_pool.pool
-- sort pool: slot_pool.pool
-- sort name: slot_pool.pool
-- filter name: slot_pool.pool = $value::text
-- filter pool_name_pattern: slot_pool.pool ILIKE ANY ($value::text[])
-- filter pool_name_prefix_pattern: slot_pool.pool ^@ ANY ($value::text[])
WITH matching AS (
    SELECT slot_pool.pool, row_number() OVER (ORDER BY /* sort */ slot_pool.pool /* end */) AS place
    /* list */ FROM slot_pool WHERE /* filters */ /* end */
    ORDER BY /* sort */ slot_pool.pool /* end */
    LIMIT $limit OFFSET $offset
), holding AS (
    SELECT
        pool, coalesce(sum(held_slots) FILTER (WHERE state = 'queued'), 0) AS queued_slots,
        coalesce(sum(held_slots) FILTER (WHERE state <> 'queued'), 0) AS running_slots
    FROM task_instance
    WHERE held_slots > 0
    GROUP BY pool
), waiting AS (
    SELECT
        ti.pool, coalesce(sum(ti.pool_slots) FILTER (WHERE ti.state = 'scheduled'), 0) AS scheduled_slots,
        coalesce(sum(ti.pool_slots) FILTER (WHERE ti.state = 'deferred'), 0) AS deferred_slots
    FROM dag_run
    JOIN task_instance AS ti ON ti.dag_run_id = dag_run.id
    WHERE dag_run.state = 'running' AND ti.state IN ('scheduled', 'deferred')
    GROUP BY ti.pool
)
SELECT
    matching.place, slot_pool.pool AS name, slot_pool.slots, slot_pool.description,
    slot_pool.include_deferred, slot_pool.used AS occupied_slots,
    CASE WHEN slot_pool.slots < 0 THEN -1 ELSE greatest(slot_pool.slots - slot_pool.used, 0) END AS open_slots,
    coalesce(holding.queued_slots, 0) AS queued_slots, coalesce(holding.running_slots, 0) AS running_slots,
    coalesce(waiting.scheduled_slots, 0) AS scheduled_slots, coalesce(waiting.deferred_slots, 0) AS deferred_slots
FROM matching
LEFT JOIN slot_pool ON slot_pool.pool = matching.pool
LEFT JOIN holding ON holding.pool = matching.pool
LEFT JOIN waiting ON waiting.pool = matching.pool
ORDER BY matching.place
