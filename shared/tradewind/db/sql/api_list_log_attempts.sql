-- The attempts of one try in the order in which they began to log, each with its worker and its last chunk so far.
-- Goes from attempt to attempt, however many chunks each has; task_log_pkey, task_instance_pkey,
-- task_instance_history_pkey.
WITH RECURSIVE firsts AS (
    (
        SELECT attempt_id, created_at
        FROM task_log
        WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4
        ORDER BY attempt_id, sequence
        LIMIT 1
    )
    UNION ALL
    SELECT following.attempt_id, following.created_at
    FROM firsts
    CROSS JOIN LATERAL (
        SELECT l.attempt_id, l.created_at
        FROM task_log l
        WHERE l.dag_run_id = $1 AND l.task_id = $2 AND l.map_index = $3 AND l.try_number = $4
            AND l.attempt_id > firsts.attempt_id
        ORDER BY l.attempt_id, l.sequence
        LIMIT 1
    ) AS following
)
SELECT
    log.attempt_id, log.created_at AS first_logged_at, last.sequence AS last_sequence,
    coalesce(ti.worker_id, past.worker_id) AS worker_id, coalesce(ti.hostname, past.hostname) AS hostname
FROM firsts AS log
CROSS JOIN LATERAL (
    SELECT l.sequence
    FROM task_log l
    WHERE l.dag_run_id = $1 AND l.task_id = $2 AND l.map_index = $3 AND l.try_number = $4
        AND l.attempt_id = log.attempt_id
    ORDER BY l.sequence DESC
    LIMIT 1
) AS last
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = $1 AND ti.task_id = $2 AND ti.map_index = $3 AND ti.attempt_id = log.attempt_id
LEFT JOIN LATERAL (
    SELECT worker_id, hostname
    FROM task_instance_history
    WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND attempt_id = log.attempt_id
    LIMIT 1
) AS past ON true
ORDER BY log.created_at, log.attempt_id
