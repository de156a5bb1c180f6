-- Whoever has an API token, by the token's hash; api_token_token_hash_key, app_user_pkey.
SELECT
    api_token.id, api_token.username, api_token.actions, api_token.dag_patterns, api_token.expires_at,
    api_token.revoked_at, initcap(app_user.role) AS role, app_user.is_active
FROM api_token
JOIN app_user ON app_user.username = api_token.username
WHERE api_token.token_hash = $1
