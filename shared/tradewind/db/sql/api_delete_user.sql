-- Removes a user and the user's API tokens; app_user_pkey, api_token_by_user, identity_revision_pkey.
WITH changed AS (
    DELETE FROM app_user WHERE username = $1 RETURNING username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
