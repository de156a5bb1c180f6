-- Runs that ended before a moment and still have chunks of logs or files of them, the oldest first. Goes from run to
-- run, however many rows each has; task_log_pkey, task_log_file_pkey, dag_run_pkey.
WITH RECURSIVE chunked AS (
    (SELECT dag_run_id FROM task_log ORDER BY dag_run_id LIMIT 1)
    UNION ALL
    SELECT following.dag_run_id
    FROM chunked
    CROSS JOIN LATERAL (
        SELECT l.dag_run_id FROM task_log l WHERE l.dag_run_id > chunked.dag_run_id ORDER BY l.dag_run_id LIMIT 1
    ) AS following
),
filed AS (
    (SELECT dag_run_id FROM task_log_file ORDER BY dag_run_id LIMIT 1)
    UNION ALL
    SELECT following.dag_run_id
    FROM filed
    CROSS JOIN LATERAL (
        SELECT f.dag_run_id FROM task_log_file f WHERE f.dag_run_id > filed.dag_run_id ORDER BY f.dag_run_id LIMIT 1
    ) AS following
)
SELECT r.id AS dag_run_id
FROM (SELECT dag_run_id FROM chunked UNION SELECT dag_run_id FROM filed) AS logged
JOIN dag_run AS r ON r.id = logged.dag_run_id
WHERE r.end_date < $1::timestamptz AND r.state IN ('success', 'failed')
ORDER BY r.id
LIMIT $2
