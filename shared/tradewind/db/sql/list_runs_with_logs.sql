-- Those of these runs that are over and have logs, in chunks or files. By dag_run_pkey, task_log_pkey,
-- task_log_file_pkey.
SELECT r.id
FROM dag_run r
WHERE r.id = ANY($1::bigint[])
    AND r.state IN ('success', 'failed')
    AND (
        EXISTS (SELECT FROM task_log l WHERE l.dag_run_id = r.id)
        OR EXISTS (SELECT FROM task_log_file f WHERE f.dag_run_id = r.id)
    )
ORDER BY r.id
