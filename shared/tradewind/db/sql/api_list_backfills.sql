-- A page of a DAG's backfills, for people. By backfill_by_dag.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: backfill.id
WITH matching AS (
    SELECT backfill.id, row_number() OVER (ORDER BY /* sort */ backfill.id /* end */) AS place
    FROM backfill
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR backfill.dag_id = $1::jsonb ->> 'dag_id')
        AND (NOT $1::jsonb ? 'active' OR (backfill.completed_at IS NULL) = ($1::jsonb ->> 'active')::boolean)
)
SELECT
    total.total_entries, matching.place, backfill.*, coalesce(dag.dag_display_name, backfill.dag_id) AS dag_display_name
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN backfill ON backfill.id = matching.id
LEFT JOIN dag ON dag.dag_id = backfill.dag_id
ORDER BY matching.place
