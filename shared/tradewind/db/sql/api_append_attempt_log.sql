-- Stores a chunk of an attempt's log, if the attempt is current and running: its row is held against an end until this
-- commits. A chunk that is there already stays as it is. Gives the attempt's state and whether the chunk was there, no
-- row if another attempt is current; task_instance_attempt, task_log_pkey.
WITH attempt AS (
    SELECT dag_run_id, task_id, map_index, try_number, state
    FROM task_instance
    WHERE attempt_id = $1 AND (state IS DISTINCT FROM 'success' OR end_date > now() - interval '10 minutes')
    FOR SHARE
), written AS (
    INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)
    SELECT dag_run_id, task_id, map_index, try_number, $1, $2, $4, $3
    FROM attempt
    WHERE state IN ('running', 'deferred', 'success')
    ON CONFLICT DO NOTHING
)
SELECT
    attempt.state,
    EXISTS (
        SELECT FROM task_log
        WHERE task_log.dag_run_id = attempt.dag_run_id AND task_log.task_id = attempt.task_id
            AND task_log.map_index = attempt.map_index AND task_log.try_number = attempt.try_number
            AND task_log.attempt_id = $1 AND task_log.sequence = $2
    ) AS is_replay
FROM attempt
