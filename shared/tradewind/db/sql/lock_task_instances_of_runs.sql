-- Locks all task instances of (locked) runs in key order, and says which workers hold their attempts.
-- By task_instance_pkey.
SELECT t.dag_run_id, t.task_id, t.map_index, t.state, t.attempt_id, t.worker_id
FROM task_instance t
WHERE t.dag_run_id = ANY($1::bigint[])
ORDER BY t.dag_run_id, t.task_id, t.map_index
FOR NO KEY UPDATE
