-- Every function, then every trigger on tables of ours, for schema.sql (catalogues only).
SELECT rtrim(pg_catalog.pg_get_functiondef(p.oid), E'\n') AS definition, 1 AS kind
FROM pg_catalog.pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT pg_catalog.pg_get_triggerdef(t.oid), 2
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
ORDER BY kind, definition
