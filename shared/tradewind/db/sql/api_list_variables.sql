-- A page of variables, for people: a scan of variable, which is small.
-- sort key: variable.key
-- sort id: variable.key
-- sort _val: variable.value
-- sort description: variable.description
-- sort is_encrypted: variable.value IS NOT NULL
-- sort team_name: nullif(variable.key, variable.key)
-- filter matches_nothing: false
-- filter variable_key_pattern: variable.key ILIKE ANY ($value::text[])
-- filter variable_key_prefix_pattern: variable.key ^@ ANY ($value::text[])
WITH matching AS (
    SELECT variable.key, row_number() OVER (ORDER BY /* sort */ variable.key /* end */) AS place
    /* list */ FROM variable WHERE /* filters */ /* end */
    ORDER BY /* sort */ variable.key /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, variable.key, variable.value, variable.description
FROM matching
LEFT JOIN variable ON variable.key = matching.key
ORDER BY matching.place
