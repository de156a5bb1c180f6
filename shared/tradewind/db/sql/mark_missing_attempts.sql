-- How many heartbeats in a row missed these running attempts. By task_instance_attempt, rows locked in key order.
WITH marked AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, m.missing_beats
    FROM unnest($1::uuid[], $2::integer[]) AS m (attempt_id, missing_beats)
    JOIN task_instance t ON t.attempt_id = m.attempt_id
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
)
UPDATE task_instance t
SET missing_beats = m.missing_beats
FROM marked m
WHERE t.dag_run_id = m.dag_run_id AND t.task_id = m.task_id AND t.map_index = m.map_index
