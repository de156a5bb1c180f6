-- A page of aliases of assets, for people: a scan of asset_alias, which is small.
-- sort id: asset_alias.id
-- sort name: asset_alias.name
-- filter matches_nothing: false
-- filter id: asset_alias.id = $value::bigint
-- filter name_pattern: asset_alias.name ILIKE ANY ($value::text[])
-- filter name_prefix_pattern: asset_alias.name ^@ ANY ($value::text[])
WITH matching AS (
    SELECT asset_alias.id, row_number() OVER (ORDER BY /* sort */ asset_alias.id /* end */) AS place
    /* list */ FROM asset_alias WHERE /* filters */ /* end */
    ORDER BY /* sort */ asset_alias.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT matching.place, asset_alias.id, asset_alias.name, asset_alias."group"
FROM matching
LEFT JOIN asset_alias ON asset_alias.id = matching.id
ORDER BY matching.place
