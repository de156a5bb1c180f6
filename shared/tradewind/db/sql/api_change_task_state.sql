-- Another value ($6, at $7) for what a task instance ($1 to $4) keeps under a key ($5); no row if it keeps nothing there;
-- dag_run_dag_id_run_id_key, task_state_store_pkey.
UPDATE task_state_store AS s
SET value = $6, updated_at = $7
FROM dag_run AS r
WHERE r.dag_id = $1 AND r.run_id = $2
    AND s.dag_run_id = r.id AND s.task_id = $3 AND s.map_index = $4 AND s.key = $5
RETURNING s.key
