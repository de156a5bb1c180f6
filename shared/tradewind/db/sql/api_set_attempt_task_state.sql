-- Keeps a value for the task instance that an attempt runs, if the attempt is current and running: its row is held
-- against an end until this commits. Gives the attempt's state, no row if another one is current;
-- task_instance_attempt, task_state_store_pkey.
WITH attempt AS (
    SELECT dag_run_id, task_id, map_index, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), written AS (
    INSERT INTO task_state_store (dag_run_id, task_id, map_index, key, value, expires_at, updated_at)
    SELECT dag_run_id, task_id, map_index, $2, $3, $4, $5 FROM attempt WHERE state IN ('running', 'deferred')
    ON CONFLICT (dag_run_id, task_id, map_index, key)
    DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, updated_at = excluded.updated_at
)
SELECT state FROM attempt
