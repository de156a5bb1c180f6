-- When API tokens ($1) were used last ($2), locked in the order of their ids; api_token_pkey.
WITH used AS (
    SELECT api_token.id, given.used_at
    FROM unnest($1::uuid[], $2::timestamptz[]) AS given (id, used_at)
    JOIN api_token ON api_token.id = given.id
    ORDER BY api_token.id
    FOR NO KEY UPDATE OF api_token
)
UPDATE api_token SET last_used_at = used.used_at
FROM used
WHERE api_token.id = used.id AND (api_token.last_used_at IS NULL OR api_token.last_used_at < used.used_at)
