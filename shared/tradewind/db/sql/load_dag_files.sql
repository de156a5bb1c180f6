-- Every file with the DAGs that it defines now: once per start of a dag processor. By dag_by_file.
SELECT
    f.relative_fileloc,
    f.file_digest,
    f.dependencies::text AS dependencies,
    ARRAY(
        SELECT d.dag_id FROM dag d WHERE d.relative_fileloc = f.relative_fileloc AND NOT d.is_stale ORDER BY d.dag_id
    ) AS dag_ids
FROM dag_file f
ORDER BY f.relative_fileloc
