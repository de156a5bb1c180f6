-- Keeps an API token without its secret ($1 id, $2 user, $3 name, $4 hash, $5 how it begins, $6 actions, $7 patterns of
-- DAGs, $8 now, $9 when it expires); api_token_pkey.
INSERT INTO api_token (
    id, username, name, token_hash, prefix, actions, dag_patterns, created_at, expires_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
