-- A page of the tags that DAGs have, for people: a scan of dag.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort name: tag.name
WITH matching AS (
    SELECT tag.name, row_number() OVER (ORDER BY /* sort */ tag.name /* end */) AS place
    FROM (SELECT DISTINCT unnest(dag.tags) AS name FROM dag WHERE NOT dag.is_stale) AS tag
    WHERE (NOT $1::jsonb ? 'tag_name_pattern'
            OR tag.name ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'tag_name_pattern'))))
        AND (NOT $1::jsonb ? 'tag_name_prefix_pattern'
            OR tag.name ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'tag_name_prefix_pattern'))))
)
SELECT total.total_entries, matching.place, matching.name
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
ORDER BY matching.place
