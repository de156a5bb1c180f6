-- Keeps what an attempt says of itself while it runs; what is null stays as it was. Gives the attempt's state, no row
-- if another is current; task_instance_attempt, task_instance_pkey.
WITH attempt AS MATERIALIZED (
    SELECT dag_run_id, task_id, map_index, state FROM task_instance WHERE attempt_id = $1 FOR NO KEY UPDATE
), noted AS (
    UPDATE task_instance AS t
    SET
        rendered_fields = coalesce($2::bytea, t.rendered_fields),
        rendered_map_index = coalesce($3::text, t.rendered_map_index),
        map_length = coalesce($4::integer, t.map_length)
    FROM attempt AS a
    WHERE a.state = 'running'
        AND t.dag_run_id = a.dag_run_id AND t.task_id = a.task_id AND t.map_index = a.map_index
)
SELECT state FROM attempt
