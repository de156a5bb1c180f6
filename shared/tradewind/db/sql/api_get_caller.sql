-- Whoever has a token of a login ($1 user, $2 the token's id): app_user_pkey, revoked_token_pkey.
SELECT
    initcap(app_user.role) AS role, app_user.is_active, app_user.credentials_id,
    EXISTS (SELECT FROM revoked_token WHERE revoked_token.id = $2) AS is_revoked
FROM app_user
WHERE app_user.username = $1
