-- Removes (locked) connections; connection_pkey.
DELETE FROM connection WHERE conn_id = ANY ($1::text[]) RETURNING conn_id
