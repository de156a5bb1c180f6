-- (Locked) runs with all that hangs on them. By dag_run_pkey.
WITH forgotten AS (
    DELETE FROM task_instance_history WHERE dag_run_id = ANY($1::bigint[])
)
DELETE FROM dag_run WHERE id = ANY($1::bigint[])
