-- Keeps with an attempt's lease what its end is to skip, each once: it counts when the end does. Gives the attempt's
-- state, no row if another is current; task_instance_attempt, worker_pkey.
WITH attempt AS MATERIALIZED (
    SELECT state, incarnation FROM task_instance WHERE attempt_id = $1
), kept AS (
    UPDATE worker AS w
    SET skips = (SELECT jsonb_agg(DISTINCT each) FROM jsonb_array_elements(coalesce(w.skips, '[]') || $4::jsonb) AS each)
    FROM attempt AS a
    WHERE a.state = 'running' AND a.incarnation = $3 AND w.worker_id = $2 AND w.incarnation = $3
)
SELECT state FROM attempt
