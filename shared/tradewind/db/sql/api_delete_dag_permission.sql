-- Take back what a role or a user was given for a DAG; dag_permission_pkey.
DELETE FROM dag_permission
WHERE grantee_type = $1 AND grantee = $2 AND dag_id = $3
RETURNING dag_id
