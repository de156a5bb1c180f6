-- A page of import errors, for people: a scan of import_error, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: import_error.id
-- sort import_error_id: import_error.id
-- sort timestamp: import_error.created_at
-- sort filename: import_error.relative_fileloc
-- sort bundle_name: substring(import_error.relative_fileloc from '^\.([^/]+)/')
-- sort stacktrace: import_error.stacktrace
WITH matching AS (
    SELECT import_error.id, row_number() OVER (ORDER BY /* sort */ import_error.id /* end */) AS place
    FROM import_error
    WHERE (NOT $1::jsonb ? 'bundle_name' OR $1::jsonb ->> 'bundle_name'
            = coalesce(substring(import_error.relative_fileloc FROM '^\.([^/]+)/'), 'dags-folder'))
        AND (NOT $1::jsonb ? 'filename_pattern' OR import_error.relative_fileloc ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'filename_pattern'))))
        AND (NOT $1::jsonb ? 'filename_prefix_pattern' OR import_error.relative_fileloc ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'filename_prefix_pattern'))))
        AND ($1::jsonb ->> 'filename' IS NULL OR import_error.relative_fileloc = $1::jsonb ->> 'filename')
)
SELECT
    total.total_entries, matching.place, import_error.id AS import_error_id, import_error.relative_fileloc AS filename,
    import_error.stacktrace AS stack_trace, import_error.created_at AS timestamp
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN import_error ON import_error.id = matching.id
ORDER BY matching.place
