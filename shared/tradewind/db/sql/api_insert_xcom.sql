-- Writes an XCom ($4, $5, value $6, at $7) that somebody gives for a task ($3) of a run ($1, $2), unless there is one:
-- whether there is such a run and task, and whether it was written; dag_run_dag_id_run_id_key, task_instance_pkey,
-- xcom_pkey.
WITH run AS (
    SELECT r.id, EXISTS (SELECT FROM task_instance AS t WHERE t.dag_run_id = r.id AND t.task_id = $3) AS has_task
    FROM dag_run AS r
    WHERE r.dag_id = $1 AND r.run_id = $2
    FOR KEY SHARE
), written AS (
    INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at)
    SELECT id, $3, $4, $5, $6, $7 FROM run WHERE has_task
    ON CONFLICT DO NOTHING
    RETURNING key
)
SELECT run.has_task, EXISTS (SELECT FROM written) AS is_written
FROM run
