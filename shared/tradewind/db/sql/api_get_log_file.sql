-- The file that a try's log was moved to, if it was; task_log_file_pkey.
SELECT base AS file_base, path AS file_path
FROM task_log_file
WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND moved_at IS NOT NULL
