-- The next webhooks after name $1, to encrypt their secrets with another key; webhook_pkey.
SELECT name, ARRAY[secret, previous_secret] AS tokens
FROM webhook
WHERE name > $1
ORDER BY name
LIMIT $2
