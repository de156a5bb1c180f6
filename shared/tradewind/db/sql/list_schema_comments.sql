-- Every comment on a column, for schema.sql (catalogues only).
SELECT format('COMMENT ON COLUMN %I.%I IS %L', c.relname, a.attname, d.description) AS definition
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
WHERE c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, a.attnum
