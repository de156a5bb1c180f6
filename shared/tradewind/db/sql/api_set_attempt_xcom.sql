-- Writes an XCom of the task that an attempt runs, if the attempt is current and running: its row is held against an
-- end until this commits. Gives the state of the attempt, no row if another is current. Indexes:
-- task_instance_attempt, xcom_pkey.
WITH attempt AS (
    SELECT dag_run_id, task_id, map_index, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), written AS (
    INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at)
    SELECT dag_run_id, task_id, map_index, $2, $3, $4 FROM attempt WHERE state IN ('running', 'deferred')
    ON CONFLICT (dag_run_id, task_id, map_index, key)
    DO UPDATE SET value = excluded.value, created_at = excluded.created_at
)
SELECT state FROM attempt
