-- One connection; connection_pkey.
SELECT conn_id, conn_type, description, host, login, schema, port, password, extra FROM connection WHERE conn_id = $1
