-- A page of a DAG's backfills, for people. By backfill_by_dag.
-- sort id: backfill.id
-- filter visible_dag_ids: backfill.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: backfill.dag_id ~ $value::text
-- filter dag_id: backfill.dag_id = $value::text
-- filter active: (backfill.completed_at IS NULL) = $value::boolean
WITH matching AS (
    SELECT backfill.id, row_number() OVER (ORDER BY /* sort */ backfill.id /* end */) AS place
    /* list */ FROM backfill WHERE /* filters */ /* end */
    ORDER BY /* sort */ backfill.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, backfill.*, coalesce(dag.dag_display_name, backfill.dag_id) AS dag_display_name
FROM matching
LEFT JOIN backfill ON backfill.id = matching.id
LEFT JOIN dag ON dag.dag_id = backfill.dag_id
ORDER BY matching.place
