-- Forgets what a task instance ($1 to $4, $4 null: all instances of the task) keeps under a key ($5, null: all): whether
-- there is such a task instance; dag_run_dag_id_run_id_key, task_instance_pkey, task_state_store_pkey.
WITH meant AS (
    SELECT DISTINCT t.dag_run_id, t.task_id
    FROM dag_run AS r
    JOIN task_instance AS t ON t.dag_run_id = r.id AND t.task_id = $3 AND ($4::integer IS NULL OR t.map_index = $4)
    WHERE r.dag_id = $1 AND r.run_id = $2
), forgotten AS (
    DELETE FROM task_state_store AS s
    USING meant
    WHERE s.dag_run_id = meant.dag_run_id AND s.task_id = meant.task_id
        AND ($4::integer IS NULL OR s.map_index = $4) AND ($5::text IS NULL OR s.key = $5)
)
SELECT EXISTS (SELECT FROM meant) AS has_task
