-- A person's note on task instances (null = none); task_instance_pkey.
UPDATE task_instance AS ti
SET note = $4
FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS named (dag_run_id, task_id, map_index)
WHERE ti.dag_run_id = named.dag_run_id AND ti.task_id = named.task_id AND ti.map_index = named.map_index
