-- What the aliases in a DAG's schedule stand for; asset_reference_pkey.
SELECT r.name AS alias, a.name, a.uri
FROM asset_reference r
JOIN asset_alias_asset l ON l.alias_id = r.alias_id
JOIN asset a ON a.id = l.asset_id
WHERE r.dag_id = $1::text AND r.role = 'schedule' AND r.task_id = '' AND r.kind = 'alias'
ORDER BY r.name, a.name, a.uri
