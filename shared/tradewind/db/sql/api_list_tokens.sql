-- A page of API tokens, for people: a scan of api_token, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort name: api_token.name
-- sort username: api_token.username
-- sort created_at: api_token.created_at
-- sort expires_at: api_token.expires_at
-- sort last_used_at: api_token.last_used_at
WITH matching AS (
    SELECT api_token.id, row_number() OVER (ORDER BY /* sort */ api_token.id /* end */) AS place
    FROM api_token
    WHERE (NOT $1::jsonb ? 'username' OR api_token.username = $1::jsonb ->> 'username')
        AND (NOT $1::jsonb ? 'name' OR api_token.name = $1::jsonb ->> 'name')
)
SELECT
    total.total_entries, matching.place, api_token.id, api_token.username, api_token.name, api_token.prefix,
    api_token.actions, api_token.dag_patterns, api_token.created_at, api_token.expires_at, api_token.last_used_at,
    api_token.revoked_at
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN api_token ON api_token.id = matching.id
ORDER BY matching.place
