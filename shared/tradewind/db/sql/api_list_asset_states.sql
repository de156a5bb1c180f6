-- A page ($2, $3) of what is kept for an asset ($1), by key, each row with the number of all; one row of nulls if the
-- page is empty, none if there is no such asset. Of what was written by its name and by its URI the latest counts;
-- asset_pkey, asset_state_store_pkey, asset_state_store_by_uri.
WITH meant AS (
    SELECT name, uri FROM asset WHERE id = $1
), kept AS (
    SELECT DISTINCT ON (s.key) s.key, s.value, s.updated_at, s.dag_id, s.run_id, s.task_id, s.map_index
    FROM meant
    JOIN asset_state_store AS s ON s.asset_name = meant.name OR s.asset_uri = meant.uri
    ORDER BY s.key, s.updated_at DESC
)
SELECT (SELECT count(*) FROM kept) AS total_entries, page.*
FROM meant
LEFT JOIN LATERAL (SELECT * FROM kept ORDER BY key LIMIT $2 OFFSET $3) AS page ON true
ORDER BY page.key
