-- What decides whether and how a DAG may be triggered; dag_pkey, dag_bundle_pkey.
SELECT
    dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name, dag.has_import_errors,
    dag_version.id AS version_id, dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    dag_version.structure_digest AS version_digest,
    CASE
        WHEN NOT dag.disable_bundle_versioning THEN nullif(coalesce(dag.bundle_version, dag_bundle.version), '')
    END AS bundle_version
FROM dag
JOIN dag_version ON dag_version.id = dag.dag_version_id
LEFT JOIN dag_bundle ON dag_bundle.name = dag.bundle_name
WHERE dag.dag_id = $1 AND NOT dag.is_stale
