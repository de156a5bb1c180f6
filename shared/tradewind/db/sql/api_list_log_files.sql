-- The files that logs of a run were moved to; task_log_file_pkey.
SELECT task_id, map_index, try_number, base, path
FROM task_log_file
WHERE dag_run_id = $1
ORDER BY task_id, map_index, try_number
LIMIT $2
