-- Some versions of DAGs from before a moment that no run has and that are not the last of their DAG; archived, if a
-- moment is given. By dag_version_pkey, dag_version_dag_id_version_number_key, dag_run_by_version.
WITH gone AS (
    DELETE FROM dag_version
    WHERE id IN (
        SELECT v.id
        FROM dag_version v
        WHERE v.created_at < $1::timestamptz
            AND ($2::text[] IS NULL OR v.dag_id = ANY($2::text[]))
            AND v.dag_id <> ALL($3::text[])
            AND EXISTS (
                SELECT FROM dag_version n WHERE n.dag_id = v.dag_id AND n.version_number > v.version_number
            )
            AND NOT EXISTS (SELECT FROM dag_run r WHERE r.dag_version_id = v.id)
            AND NOT EXISTS (SELECT FROM dag d WHERE d.dag_id = v.dag_id AND d.dag_version_id = v.id)
        LIMIT $4
    )
    RETURNING *
),
archived AS (
    INSERT INTO archived_row (archived_at, table_name, content)
    SELECT $5::timestamptz, 'dag_version', to_jsonb(gone) FROM gone WHERE $5::timestamptz IS NOT NULL
)
SELECT count(*) FROM gone
