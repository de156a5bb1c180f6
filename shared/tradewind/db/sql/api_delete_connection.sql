-- Removes a connection; no row if there was none; connection_pkey.
DELETE FROM connection WHERE conn_id = $1 RETURNING conn_id
