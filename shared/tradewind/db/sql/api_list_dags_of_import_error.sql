-- The DAGs that are known of the file that could not be loaded; import_error_pkey, dag_by_file.
SELECT dag.dag_id
FROM import_error
JOIN dag ON dag.relative_fileloc = import_error.relative_fileloc
WHERE import_error.id = $1
