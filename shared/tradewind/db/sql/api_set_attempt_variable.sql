-- Writes a variable for an attempt, if it is current and running: its row is held against an end until this commits.
-- Gives the attempt's state, no row if another one is current; task_instance_attempt, variable_pkey.
WITH attempt AS (
    SELECT state
    FROM task_instance
    WHERE attempt_id = $1 AND (state IS DISTINCT FROM 'success' OR end_date > now() - interval '10 minutes')
    FOR SHARE
), written AS (
    INSERT INTO variable (key, value, description)
    SELECT $2, $3, $4 FROM attempt WHERE state IN ('running', 'deferred', 'success')
    ON CONFLICT (key)
    DO UPDATE SET value = excluded.value, description = coalesce(excluded.description, variable.description)
)
SELECT state FROM attempt
