-- The next chunks of one attempt's log, in order; task_log_pkey.
SELECT sequence, lines
FROM task_log
WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND attempt_id = $5 AND sequence > $6
ORDER BY sequence
LIMIT $7
