-- Locked DAGs with their current versions, and whether those have runs. By primary keys and dag_run_by_version.
SELECT
    d.dag_id, d.relative_fileloc, d.is_stale, d.has_import_errors, d.bundle_name,
    v.id AS version_id, v.version_number, v.structure_digest, v.file_digest, v.spec::text AS spec_text,
    EXISTS (SELECT FROM dag_run r WHERE r.dag_version_id = v.id) AS has_runs
FROM dag d
JOIN dag_version v ON v.id = d.dag_version_id
WHERE d.dag_id = ANY($1::text[])
