-- DAGs that a batch of parses names, and DAGs of its files, locked in key order. By primary key and dag_by_file.
SELECT d.dag_id
FROM dag d
WHERE d.dag_id = ANY($1::text[]) OR d.relative_fileloc = ANY($2::text[])
ORDER BY d.dag_id
FOR NO KEY UPDATE
