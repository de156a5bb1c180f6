-- DAGs whose tasks write an asset, two at most; asset_reference_by_asset.
SELECT DISTINCT r.dag_id FROM asset_reference r WHERE r.asset_id = $1::bigint AND r.role = 'outlet' ORDER BY r.dag_id LIMIT 2
