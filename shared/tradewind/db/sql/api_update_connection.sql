-- Changes the fields of a connection that $2 names; connection_pkey.
UPDATE connection
SET conn_type = CASE WHEN 'conn_type' = ANY ($2::text[]) THEN $3 ELSE conn_type END,
    description = CASE WHEN 'description' = ANY ($2::text[]) THEN $4 ELSE description END,
    host = CASE WHEN 'host' = ANY ($2::text[]) THEN $5 ELSE host END,
    login = CASE WHEN 'login' = ANY ($2::text[]) THEN $6 ELSE login END,
    schema = CASE WHEN 'schema' = ANY ($2::text[]) THEN $7 ELSE schema END,
    port = CASE WHEN 'port' = ANY ($2::text[]) THEN $8 ELSE port END,
    password = CASE WHEN 'password' = ANY ($2::text[]) THEN $9 ELSE password END,
    extra = CASE WHEN 'extra' = ANY ($2::text[]) THEN $10 ELSE extra END
WHERE conn_id = $1
RETURNING conn_id, conn_type, description, host, login, schema, port, password, extra
