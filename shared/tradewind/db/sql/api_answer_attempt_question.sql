-- Keeps the answer that an attempt gives to its own question, unless there is one: nobody's, for no person gave it.
-- Gives the attempt's state, no row if another is current; task_instance_attempt, hitl_detail_attempt_id_key.
WITH attempt AS MATERIALIZED (
    SELECT attempt_id, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), answered AS (
    UPDATE hitl_detail AS asked
    SET responded_at = $2, chosen_options = $3::jsonb, params_input = $4::jsonb
    FROM attempt AS a
    WHERE a.state IN ('running', 'deferred') AND asked.attempt_id = a.attempt_id AND asked.responded_at IS NULL
    RETURNING asked.attempt_id
)
SELECT
    attempt.state,
    EXISTS (SELECT FROM answered) AS is_answered,
    EXISTS (SELECT FROM hitl_detail WHERE attempt_id = $1) AS is_asked
FROM attempt
