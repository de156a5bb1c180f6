-- A page of what people gave for single DAGs; dag_permission_pkey.
-- sort dag_id: dag_permission.dag_id
-- sort grantee: dag_permission.grantee
-- sort grantee_type: dag_permission.grantee_type
-- filter dag_id: dag_permission.dag_id = $value::text
-- filter grantee_type: dag_permission.grantee_type = $value::text
-- filter grantee: dag_permission.grantee = $value::text
SELECT dag_permission.grantee_type, dag_permission.grantee, dag_permission.dag_id, dag_permission.permissions
/* list */ FROM dag_permission WHERE /* filters */ /* end */
ORDER BY /* sort */ dag_permission.grantee_type, dag_permission.grantee, dag_permission.dag_id /* end */
LIMIT $limit OFFSET $offset
