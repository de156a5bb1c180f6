-- What changes when there is more of a try's log, or when the try ends: one row per try asked for, in order. Finds for
-- those who follow logs what no message told them; task_instance_pkey, task_log_pkey.
SELECT ti.state, ti.try_number, ti.attempt_id, last.sequence AS last_sequence
FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[])
    WITH ORDINALITY AS asked (dag_run_id, task_id, map_index, try_number, number)
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = asked.dag_run_id AND ti.task_id = asked.task_id AND ti.map_index = asked.map_index
LEFT JOIN LATERAL (
    SELECT sequence
    FROM task_log
    WHERE dag_run_id = asked.dag_run_id AND task_id = asked.task_id AND map_index = asked.map_index
        AND try_number = asked.try_number AND attempt_id = ti.attempt_id
    ORDER BY sequence DESC
    LIMIT 1
) AS last ON true
ORDER BY asked.number
