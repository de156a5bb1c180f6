-- What one try of a task instance asked ($5 null: its latest), and what waits for the answer;
-- dag_run_dag_id_run_id_key, task_instance_pkey, hitl_detail_pkey, trigger_attempt_id_key.
SELECT asked.*, ti.next_kwargs, trigger.id AS trigger_id
FROM dag_run
JOIN task_instance AS ti ON ti.dag_run_id = dag_run.id AND ti.task_id = $3 AND ti.map_index = $4
JOIN hitl_detail AS asked
    ON asked.dag_run_id = ti.dag_run_id AND asked.task_id = ti.task_id AND asked.map_index = ti.map_index
    AND asked.try_number = coalesce($5::integer, ti.try_number)
LEFT JOIN trigger ON trigger.attempt_id = asked.attempt_id
WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2
