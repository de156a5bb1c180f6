-- What a role ($1) and a user ($2) were given for single DAGs, by people and by what DAGs say of themselves;
-- dag_permission_pkey, dag_version_with_access_control, dag_pkey.
SELECT dag_permission.dag_id, dag_permission.permissions, NULL::json AS access_control
FROM dag_permission
WHERE dag_permission.grantee_type = 'role' AND dag_permission.grantee = $1
UNION ALL
SELECT dag_permission.dag_id, dag_permission.permissions, NULL::json
FROM dag_permission
WHERE dag_permission.grantee_type = 'user' AND dag_permission.grantee = $2
UNION ALL
SELECT dag.dag_id, NULL::text[], dag_version.spec -> 'access_control' -> $1::text
FROM dag_version
JOIN dag ON dag.dag_id = dag_version.dag_id AND dag.dag_version_id = dag_version.id
WHERE dag_version.spec ->> 'access_control' IS NOT NULL
    AND dag_version.spec -> 'access_control' -> $1::text IS NOT NULL
