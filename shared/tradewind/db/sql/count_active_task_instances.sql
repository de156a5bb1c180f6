-- How many instances of each task are active in all runs of its DAG, in the order asked.
-- By dag_run_running_by_dag, dag_run_queued (a run that was cleared may wait while an attempt still ends) and primary key.
SELECT
    (
        SELECT count(*)
        FROM dag_run r
        JOIN task_instance t ON t.dag_run_id = r.id
        WHERE r.dag_id = w.dag_id
            AND r.state IN ('running', 'queued')
            AND t.task_id = w.task_id
            AND t.state IN ('queued', 'running', 'restarting', 'deferred', 'awaiting_input')
    )::integer AS active
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (dag_id, task_id, position)
ORDER BY w.position
