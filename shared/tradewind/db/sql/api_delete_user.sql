-- Removes a user with the user's API tokens, favourite DAGs and permissions for DAGs; app_user_pkey, api_token_by_user,
-- dag_favorite_pkey, dag_permission_pkey, identity_revision_pkey.
WITH changed AS (
    DELETE FROM app_user WHERE username = $1 RETURNING username
), unmarked AS (
    DELETE FROM dag_favorite USING changed WHERE dag_favorite.username = changed.username
), taken_back AS (
    DELETE FROM dag_permission USING changed
    WHERE dag_permission.grantee_type = 'user' AND dag_permission.grantee = changed.username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
