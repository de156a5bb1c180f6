-- Every constraint of our tables, for schema.sql (catalogues only). NOT NULL stands with the columns.
SELECT
    c.relname AS table_name,
    format('CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS definition
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'u', 'f', 'c') AND c.relname <> 'alembic_version'
ORDER BY c.relname, k.conname
