-- A page of the versions of a DAG or of all, for people; dag_version_dag_id_version_number_key.
-- sort id: dag_version.id
-- sort version_number: dag_version.version_number
-- sort bundle_name: dag_version.bundle_name
-- sort bundle_version: dag_version.bundle_version
-- filter visible_dag_ids: dag_version.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: dag_version.dag_id ~ $value::text
-- filter dag_id: dag_version.dag_id = $value::text
-- filter bundle_name: dag_version.bundle_name = $value::text
-- filter bundle_version: dag_version.bundle_version = $value::text
-- filter version_number: dag_version.version_number = $value::integer
WITH matching AS (
    SELECT dag_version.id, row_number() OVER (ORDER BY /* sort */ dag_version.id /* end */) AS place
    /* list */ FROM dag_version WHERE /* filters */ /* end */
    ORDER BY /* sort */ dag_version.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, dag_version.id AS version_id, dag_version.dag_id, dag_version.version_number,
    dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version, coalesce(dag.dag_display_name, dag_version.dag_id) AS dag_display_name
FROM matching
LEFT JOIN dag_version ON dag_version.id = matching.id
LEFT JOIN dag ON dag.dag_id = dag_version.dag_id
ORDER BY matching.place
