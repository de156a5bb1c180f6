-- Removes an XCom of the task that an attempt runs, if the attempt is current and running: its row is held against an
-- end until this commits. Gives the state of the attempt, no row if another is current. Indexes:
-- task_instance_attempt, xcom_pkey.
WITH attempt AS (
    SELECT dag_run_id, task_id, map_index, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), removed AS (
    DELETE FROM xcom USING attempt
    WHERE attempt.state IN ('running', 'deferred')
        AND xcom.dag_run_id = attempt.dag_run_id AND xcom.task_id = attempt.task_id
        AND xcom.map_index = attempt.map_index AND xcom.key = $2
)
SELECT state FROM attempt
