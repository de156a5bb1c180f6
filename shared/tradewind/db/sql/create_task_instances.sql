-- Rows, in state `none`, of tasks that a (locked) run has no row of yet.
INSERT INTO task_instance (
    dag_run_id, task_id, map_index, max_tries, pool, pool_slots, queue, executor, priority_weight, operator,
    task_display_name
)
SELECT *
FROM unnest(
    $1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[],
    $9::integer[], $10::text[], $11::text[]
)
