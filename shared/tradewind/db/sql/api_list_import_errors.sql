-- A page of import errors, for people: a scan of import_error, which is small.
-- sort id: import_error.id
-- sort import_error_id: import_error.id
-- sort timestamp: import_error.created_at
-- sort filename: import_error.relative_fileloc
-- sort bundle_name: coalesce(substring(import_error.relative_fileloc from '^\.([^/]+)/'), 'dags-folder')
-- sort stacktrace: import_error.stacktrace
-- filter visible_dag_ids: import_error.relative_fileloc IN (SELECT dag.relative_fileloc FROM dag GROUP BY
--     dag.relative_fileloc HAVING bool_and(dag.dag_id = ANY ($value::text[])))
-- filter visible_dag_pattern: import_error.relative_fileloc IN (SELECT dag.relative_fileloc FROM dag GROUP BY
--     dag.relative_fileloc HAVING bool_and(dag.dag_id ~ $value::text))
-- filter bundle_name: $value::text = coalesce(substring(import_error.relative_fileloc FROM '^\.([^/]+)/'),
--     'dags-folder')
-- filter filename_pattern: import_error.relative_fileloc ILIKE ANY ($value::text[])
-- filter filename_prefix_pattern: import_error.relative_fileloc ^@ ANY ($value::text[])
-- filter filename: import_error.relative_fileloc = $value::text
WITH matching AS (
    SELECT import_error.id, row_number() OVER (ORDER BY /* sort */ import_error.id /* end */) AS place
    /* list */ FROM import_error WHERE /* filters */ /* end */
    ORDER BY /* sort */ import_error.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, import_error.id AS import_error_id, import_error.relative_fileloc AS filename,
    import_error.stacktrace AS stack_trace, import_error.created_at AS timestamp
FROM matching
LEFT JOIN import_error ON import_error.id = matching.id
ORDER BY matching.place
