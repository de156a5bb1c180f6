-- A page of connections, for people: a scan of connection, which is small.
-- sort conn_id: connection.conn_id
-- sort connection_id: connection.conn_id
-- sort id: connection.conn_id
-- sort conn_type: connection.conn_type
-- sort description: connection.description
-- sort host: connection.host
-- sort port: connection.port
-- sort team_name: nullif(connection.conn_id, connection.conn_id)
-- filter matches_nothing: false
-- filter connection_id_pattern: connection.conn_id ILIKE ANY ($value::text[])
-- filter connection_id_prefix_pattern: connection.conn_id ^@ ANY ($value::text[])
WITH matching AS (
    SELECT connection.conn_id, row_number() OVER (ORDER BY /* sort */ connection.conn_id /* end */) AS place
    /* list */ FROM connection WHERE /* filters */ /* end */
    ORDER BY /* sort */ connection.conn_id /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, connection.conn_id, connection.conn_type, connection.description,
    connection.host, connection.login, connection.schema, connection.port, connection.password, connection.extra
FROM matching
LEFT JOIN connection ON connection.conn_id = matching.conn_id
ORDER BY matching.place
