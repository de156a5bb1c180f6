-- (Locked) connections as they are to be; connection_pkey.
UPDATE connection
SET
    conn_type = new.conn_type,
    description = new.description,
    host = new.host,
    login = new.login,
    schema = new.schema,
    port = new.port,
    password = new.password,
    extra = new.extra
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bytea[], $9::bytea[]
) AS new (conn_id, conn_type, description, host, login, schema, port, password, extra)
WHERE connection.conn_id = new.conn_id
RETURNING connection.conn_id
