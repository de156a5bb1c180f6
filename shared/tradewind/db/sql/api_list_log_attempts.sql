-- The attempts of one try in the order in which they began to log, each with its worker and its last chunk so far;
-- task_log_pkey, task_instance_pkey, task_instance_history_pkey.
SELECT
    log.attempt_id, log.first_logged_at, log.last_sequence, coalesce(ti.worker_id, past.worker_id) AS worker_id,
    coalesce(ti.hostname, past.hostname) AS hostname
FROM (
    SELECT attempt_id, min(created_at) AS first_logged_at, max(sequence) AS last_sequence
    FROM task_log
    WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4
    GROUP BY attempt_id
) AS log
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = $1 AND ti.task_id = $2 AND ti.map_index = $3 AND ti.attempt_id = log.attempt_id
LEFT JOIN LATERAL (
    SELECT worker_id, hostname
    FROM task_instance_history
    WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND attempt_id = log.attempt_id
    LIMIT 1
) AS past ON true
ORDER BY log.first_logged_at, log.attempt_id
