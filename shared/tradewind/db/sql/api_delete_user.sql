-- Removes a user with the user's API tokens and favourite DAGs; app_user_pkey, api_token_by_user, dag_favorite_pkey,
-- identity_revision_pkey.
WITH changed AS (
    DELETE FROM app_user WHERE username = $1 RETURNING username
), unmarked AS (
    DELETE FROM dag_favorite USING changed WHERE dag_favorite.username = changed.username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
