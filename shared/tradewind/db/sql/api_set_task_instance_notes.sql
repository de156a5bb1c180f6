-- A person's note on task instances (null = none), locked in key order; task_instance_pkey.
WITH locked AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index
    FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS named (dag_run_id, task_id, map_index)
    JOIN task_instance t
        ON t.dag_run_id = named.dag_run_id AND t.task_id = named.task_id AND t.map_index = named.map_index
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
)
UPDATE task_instance AS ti
SET note = $4
FROM locked l
WHERE ti.dag_run_id = l.dag_run_id AND ti.task_id = l.task_id AND ti.map_index = l.map_index
