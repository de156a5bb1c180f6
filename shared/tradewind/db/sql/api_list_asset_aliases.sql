-- A page of aliases of assets, for people: a scan of asset_alias, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: asset_alias.id
-- sort name: asset_alias.name
WITH matching AS (
    SELECT asset_alias.id, row_number() OVER (ORDER BY /* sort */ asset_alias.id /* end */) AS place
    FROM asset_alias
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'id' OR asset_alias.id = ($1::jsonb ->> 'id')::bigint)
        AND (NOT $1::jsonb ? 'name_pattern'
            OR asset_alias.name ILIKE ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_pattern'))))
        AND (NOT $1::jsonb ? 'name_prefix_pattern'
            OR asset_alias.name ^@ ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'name_prefix_pattern'))))
)
SELECT total.total_entries, matching.place, asset_alias.id, asset_alias.name, asset_alias."group"
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN asset_alias ON asset_alias.id = matching.id
ORDER BY matching.place
