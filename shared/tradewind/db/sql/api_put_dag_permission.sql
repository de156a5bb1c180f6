-- Give a role or a user exactly these permissions for a DAG; dag_permission_pkey.
INSERT INTO dag_permission (grantee_type, grantee, dag_id, permissions)
VALUES ($1, $2, $3, $4)
ON CONFLICT (grantee_type, grantee, dag_id) DO UPDATE SET permissions = excluded.permissions
