-- The next variables after key $1, to encrypt them with another key; variable_pkey.
SELECT key AS name, ARRAY[value] AS tokens
FROM variable
WHERE key > $1
ORDER BY key
LIMIT $2
