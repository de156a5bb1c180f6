-- One API token, for people; api_token_pkey.
SELECT
    id, username, name, prefix, actions, dag_patterns, created_at, expires_at, last_used_at, revoked_at
FROM api_token
WHERE id = $1
