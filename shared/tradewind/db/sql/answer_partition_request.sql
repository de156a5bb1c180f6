-- What an author's own mapper said of events, put with them in the (locked) DAG's queue, which is to be looked at again.
-- By primary keys.
WITH done AS (
    DELETE FROM dag_request r WHERE r.id = $1::bigint AND r.generation = $2::integer RETURNING r.dag_id
),
given AS MATERIALIZED (
    SELECT g.* FROM unnest($3::bigint[], $4::text[]) AS g (event_id, answer)
),
put AS (
    UPDATE asset_dag_run_queue q
    SET is_seen = false, answer = coalesce((SELECT g.answer FROM given g WHERE g.event_id = q.event_id), q.answer)
    FROM done d
    WHERE q.dag_id = d.dag_id
)
SELECT d.dag_id FROM done d
