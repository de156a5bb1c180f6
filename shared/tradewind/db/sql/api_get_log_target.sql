-- The task instance or, failing that, the finished try whose log is asked for, by its names: its run, its state, and
-- the file that its log was moved to. dag_run_dag_id_run_id_key, task_instance_pkey, task_instance_history_pkey,
-- task_log_file_pkey.
SELECT
    dag_run.id AS dag_run_id, coalesce(ti.state, past.state) AS state, file.base AS file_base, file.path AS file_path
FROM dag_run
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = dag_run.id AND ti.task_id = $3 AND ti.map_index = $4 AND ti.try_number = $5
LEFT JOIN LATERAL (
    SELECT state
    FROM task_instance_history
    WHERE dag_run_id = dag_run.id AND task_id = $3 AND map_index = $4 AND try_number = $5
    ORDER BY recorded_at DESC
    LIMIT 1
) AS past ON true
LEFT JOIN task_log_file AS file
    ON file.dag_run_id = dag_run.id AND file.task_id = $3 AND file.map_index = $4 AND file.try_number = $5
        AND file.moved_at IS NOT NULL
WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2 AND coalesce(ti.state, past.state) IS NOT NULL
