-- The DAGs that are known of a file; dag_by_file.
SELECT dag_id
FROM dag
WHERE relative_fileloc = $1
