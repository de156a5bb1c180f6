-- Every index that is not a constraint's, for schema.sql (catalogues only).
SELECT pg_catalog.pg_get_indexdef(x.indexrelid) AS definition
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = 'public'::regnamespace
    AND c.relname <> 'alembic_version'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = x.indexrelid)
ORDER BY 1
