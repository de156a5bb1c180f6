-- Versions of DAGs from before a moment that no run has and that are not the last of their DAG.
-- By dag_version_pkey, dag_version_dag_id_version_number_key, dag_run_by_version.
SELECT count(*)
FROM dag_version v
WHERE v.created_at < $1::timestamptz
    AND ($2::text[] IS NULL OR v.dag_id = ANY($2::text[]))
    AND v.dag_id <> ALL($3::text[])
    AND EXISTS (
        SELECT FROM dag_version n WHERE n.dag_id = v.dag_id AND n.version_number > v.version_number
    )
    AND NOT EXISTS (SELECT FROM dag_run r WHERE r.dag_version_id = v.id)
    AND NOT EXISTS (SELECT FROM dag d WHERE d.dag_id = v.dag_id AND d.dag_version_id = v.id)
