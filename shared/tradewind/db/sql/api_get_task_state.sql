-- What a task instance ($1 to $4) keeps under a key ($5); dag_run_dag_id_run_id_key, task_state_store_pkey.
SELECT s.key, s.value, s.updated_at, s.expires_at
FROM dag_run AS r
JOIN task_state_store AS s ON s.dag_run_id = r.id AND s.task_id = $3 AND s.map_index = $4 AND s.key = $5
WHERE r.dag_id = $1 AND r.run_id = $2
