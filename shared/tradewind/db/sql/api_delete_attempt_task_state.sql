-- Forgets what the task instance that an attempt runs keeps under a key, or (null) all of it, if the attempt is current
-- and running: its row is held against an end until this commits. Gives the attempt's state, no row if another one is
-- current; task_instance_attempt, task_state_store_pkey.
WITH attempt AS (
    SELECT dag_run_id, task_id, map_index, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), removed AS (
    DELETE FROM task_state_store AS kept USING attempt
    WHERE attempt.state IN ('running', 'deferred')
        AND kept.dag_run_id = attempt.dag_run_id AND kept.task_id = attempt.task_id
        AND kept.map_index = attempt.map_index AND ($2::text IS NULL OR kept.key = $2)
)
SELECT state FROM attempt
