-- The chunks of logs of a run, of those that are too old; task_log_pkey.
DELETE FROM task_log WHERE dag_run_id = $1
