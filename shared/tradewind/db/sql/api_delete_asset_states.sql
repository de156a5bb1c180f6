-- Forgets what is kept for an asset ($1) under a key ($2, null: all of it): whether there is such an asset; asset_pkey,
-- asset_state_store_pkey, asset_state_store_by_uri.
WITH meant AS (
    SELECT name, uri FROM asset WHERE id = $1
), forgotten AS (
    DELETE FROM asset_state_store AS s
    USING meant
    WHERE (s.asset_name = meant.name OR s.asset_uri = meant.uri) AND ($2::text IS NULL OR s.key = $2)
)
SELECT EXISTS (SELECT FROM meant) AS has_asset
