-- Removes a variable for an attempt, if it is current and running: its row is held against an end until this commits.
-- Gives the attempt's state, no row if another one is current; task_instance_attempt, variable_pkey.
WITH attempt AS (
    SELECT state
    FROM task_instance
    WHERE attempt_id = $1 AND (state IS DISTINCT FROM 'success' OR end_date > now() - interval '10 minutes')
    FOR SHARE
), removed AS (
    DELETE FROM variable USING attempt WHERE variable.key = $2 AND attempt.state IN ('running', 'deferred', 'success')
)
SELECT state FROM attempt
