-- A page of the tags that DAGs have, for people: a scan of dag.
-- sort name: tag.name
-- filter visible_dag_ids: EXISTS (SELECT FROM dag WHERE NOT dag.is_stale AND tag.name = ANY (dag.tags) AND dag.dag_id =
--     ANY ($value::text[]))
-- filter visible_dag_pattern: EXISTS (SELECT FROM dag WHERE NOT dag.is_stale AND tag.name = ANY (dag.tags) AND dag.dag_id
--     ~ $value::text)
-- filter tag_name_pattern: tag.name ILIKE ANY ($value::text[])
-- filter tag_name_prefix_pattern: tag.name ^@ ANY ($value::text[])
WITH matching AS (
    SELECT tag.name, row_number() OVER (ORDER BY /* sort */ tag.name /* end */) AS place
    /* list */
    FROM (SELECT DISTINCT unnest(dag.tags) AS name FROM dag WHERE NOT dag.is_stale) AS tag
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ tag.name /* end */
    LIMIT $limit OFFSET $offset
)
SELECT matching.place, matching.name
FROM matching
ORDER BY matching.place
