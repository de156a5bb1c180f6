-- These files are gone from the store; task_log_file_pkey.
DELETE FROM task_log_file AS file
USING unnest($2::text[], $3::integer[], $4::integer[]) AS gone (task_id, map_index, try_number)
WHERE file.dag_run_id = $1 AND file.task_id = gone.task_id AND file.map_index = gone.map_index
    AND file.try_number = gone.try_number
