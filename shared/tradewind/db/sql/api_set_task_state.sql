-- Keeps a value ($6, until $7, at $8) for a task instance ($1 to $4) under a key ($5); no row if there is no such task
-- instance; dag_run_dag_id_run_id_key, task_instance_pkey, task_state_store_pkey.
INSERT INTO task_state_store (dag_run_id, task_id, map_index, key, value, expires_at, updated_at)
SELECT t.dag_run_id, t.task_id, t.map_index, $5, $6, $7, $8
FROM dag_run AS r
JOIN task_instance AS t ON t.dag_run_id = r.id AND t.task_id = $3 AND t.map_index = $4
WHERE r.dag_id = $1 AND r.run_id = $2
ON CONFLICT (dag_run_id, task_id, map_index, key)
DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, updated_at = excluded.updated_at
RETURNING key
