-- The next connections after id $1, to encrypt them with another key; connection_pkey.
SELECT conn_id AS name, ARRAY[password, extra] AS tokens
FROM connection
WHERE conn_id > $1
ORDER BY conn_id
LIMIT $2
