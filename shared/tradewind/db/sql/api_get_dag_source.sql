-- A version ($2, null: the latest) of a DAG ($1), with the content of the file that it was made of, null if that is not
-- stored, and the DAGs of that file; dag_version_dag_id_version_number_key, bundle_blob_pkey, dag_pkey, dag_by_file.
SELECT
    v.version_number, v.relative_fileloc, v.file_digest, coalesce(dag.dag_display_name, v.dag_id) AS dag_display_name,
    b.content, ARRAY(SELECT o.dag_id FROM dag AS o WHERE o.relative_fileloc = v.relative_fileloc) AS dag_ids
FROM dag_version AS v
LEFT JOIN dag ON dag.dag_id = v.dag_id
LEFT JOIN bundle_blob AS b ON b.digest = v.file_digest
WHERE v.dag_id = $1 AND ($2::integer IS NULL OR v.version_number = $2)
ORDER BY v.version_number DESC
LIMIT 1
