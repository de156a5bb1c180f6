-- A page of API tokens, for people: a scan of api_token, which is small.
-- sort name: api_token.name
-- sort username: api_token.username
-- sort created_at: api_token.created_at
-- sort expires_at: api_token.expires_at
-- sort last_used_at: api_token.last_used_at
-- filter username: api_token.username = $value::text
-- filter name: api_token.name = $value::text
WITH matching AS (
    SELECT api_token.id, row_number() OVER (ORDER BY /* sort */ api_token.id /* end */) AS place
    /* list */ FROM api_token WHERE /* filters */ /* end */
    ORDER BY /* sort */ api_token.id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, api_token.id, api_token.username, api_token.name, api_token.prefix,
    api_token.actions, api_token.dag_patterns, api_token.created_at, api_token.expires_at, api_token.last_used_at,
    api_token.revoked_at
FROM matching
LEFT JOIN api_token ON api_token.id = matching.id
ORDER BY matching.place
