-- A page of the versions of a DAG ($1 dag_id; null = of all), for people; dag_version_dag_id_version_number_key.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort id: dag_version.id
-- sort version_number: dag_version.version_number
-- sort bundle_name: dag_version.bundle_name
-- sort bundle_version: dag_version.bundle_version
WITH matching AS (
    SELECT dag_version.id, row_number() OVER (ORDER BY /* sort */ dag_version.id /* end */) AS place
    FROM dag_version
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR dag_version.dag_id = $1::jsonb ->> 'dag_id')
        AND (NOT $1::jsonb ? 'bundle_name' OR dag_version.bundle_name = $1::jsonb ->> 'bundle_name')
        AND (NOT $1::jsonb ? 'bundle_version' OR dag_version.bundle_version = $1::jsonb ->> 'bundle_version')
        AND ($1::jsonb ->> 'version_number' IS NULL
            OR dag_version.version_number = ($1::jsonb ->> 'version_number')::integer)
)
SELECT
    total.total_entries, matching.place, dag_version.id AS version_id, dag_version.dag_id, dag_version.version_number,
    dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version, coalesce(dag.dag_display_name, dag_version.dag_id) AS dag_display_name
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN dag_version ON dag_version.id = matching.id
LEFT JOIN dag ON dag.dag_id = dag_version.dag_id
ORDER BY matching.place
