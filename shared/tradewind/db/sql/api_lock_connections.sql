-- These connections as they are, for a transaction that will change or remove them, in key order; connection_pkey.
SELECT conn_id, conn_type, description, host, login, schema, port, password, extra
FROM connection
WHERE conn_id = ANY ($1::text[])
ORDER BY conn_id
FOR NO KEY UPDATE
