-- A page of variables, for people: a scan of variable, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort key: variable.key
-- sort id: variable.key
-- sort _val: variable.value
-- sort description: variable.description
-- sort is_encrypted: true
-- sort team_name: NULL::text
WITH matching AS (
    SELECT variable.key, row_number() OVER (ORDER BY /* sort */ variable.key /* end */) AS place
    FROM variable
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'variable_key_pattern' OR variable.key ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'variable_key_pattern'))))
        AND (NOT $1::jsonb ? 'variable_key_prefix_pattern' OR variable.key ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'variable_key_prefix_pattern'))))
)
SELECT
    total.total_entries, matching.place, variable.key, variable.value, variable.description
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN variable ON variable.key = matching.key
ORDER BY matching.place
