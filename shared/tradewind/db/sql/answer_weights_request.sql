-- What priority strategies said of a run that is not over, with what is shown of its task instances; a raised revision
-- has its owner read the run again. Rows are locked in key order. By primary keys.
WITH run AS (
    UPDATE dag_run r
    SET try_weights = $3::text, revision = r.revision + 1
    FROM dag_request q
    WHERE q.id = $1::bigint AND q.generation = $2::integer AND r.id = q.dag_run_id AND r.state IN ('queued', 'running')
    RETURNING r.id
),
locked AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, w.value
    FROM run
    CROSS JOIN jsonb_each($3::text::jsonb) AS w (key, value)
    JOIN task_instance t ON t.dag_run_id = run.id AND t.task_id = w.key
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
),
shown AS (
    UPDATE task_instance t
    SET priority_weight = (l.value ->> (least(greatest(t.try_number, 1), jsonb_array_length(l.value)) - 1))::integer
    FROM locked l
    WHERE t.dag_run_id = l.dag_run_id AND t.task_id = l.task_id AND t.map_index = l.map_index
),
done AS (
    DELETE FROM dag_request q WHERE q.id = $1::bigint AND q.generation = $2::integer
)
SELECT run.id FROM run
