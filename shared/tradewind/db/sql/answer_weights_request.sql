-- What priority strategies said of a run that is not over, with what is shown of its task instances; a raised revision
-- has its owner read the run again. By primary keys.
WITH run AS (
    UPDATE dag_run r
    SET try_weights = $3::text, revision = r.revision + 1
    FROM dag_request q
    WHERE q.id = $1::bigint AND q.generation = $2::integer AND r.id = q.dag_run_id AND r.state IN ('queued', 'running')
    RETURNING r.id
),
shown AS (
    UPDATE task_instance t
    SET priority_weight = (w.value ->> (least(greatest(t.try_number, 1), jsonb_array_length(w.value)) - 1))::integer
    FROM run, jsonb_each($3::text::jsonb) AS w (key, value)
    WHERE t.dag_run_id = run.id AND t.task_id = w.key
),
done AS (
    DELETE FROM dag_request q WHERE q.id = $1::bigint AND q.generation = $2::integer
)
SELECT run.id FROM run
