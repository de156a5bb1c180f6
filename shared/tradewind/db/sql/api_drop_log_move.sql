-- A log could not be moved: it may be tried again at once, by anybody; task_log_file_pkey.
DELETE FROM task_log_file
WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND claim = $5 AND moved_at IS NULL
