-- New connections; an id that is taken gives no row; connection_pkey.
INSERT INTO connection (conn_id, conn_type, description, host, login, schema, port, password, extra)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bytea[], $9::bytea[]
) AS new (conn_id, conn_type, description, host, login, schema, port, password, extra)
ORDER BY conn_id
ON CONFLICT (conn_id) DO NOTHING
RETURNING conn_id
