-- A new connection; no row if the id is taken; connection_pkey.
INSERT INTO connection (conn_id, conn_type, description, host, login, schema, port, password, extra)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (conn_id) DO NOTHING
RETURNING conn_id
