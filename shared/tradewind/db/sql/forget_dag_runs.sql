-- (Locked) runs with all that hangs on them but for their history by month, which goes with its month.
-- By dag_run_pkey, task_instance_history_default_pkey.
WITH forgotten AS (
    DELETE FROM task_instance_history_default WHERE dag_run_id = ANY($1::bigint[])
)
DELETE FROM dag_run WHERE id = ANY($1::bigint[])
