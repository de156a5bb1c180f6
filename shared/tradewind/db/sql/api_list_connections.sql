-- A page of connections, for people: a scan of connection, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort conn_id: connection.conn_id
-- sort connection_id: connection.conn_id
-- sort id: connection.conn_id
-- sort conn_type: connection.conn_type
-- sort description: connection.description
-- sort host: connection.host
-- sort port: connection.port
-- sort team_name: NULL::text
WITH matching AS (
    SELECT connection.conn_id, row_number() OVER (ORDER BY /* sort */ connection.conn_id /* end */) AS place
    FROM connection
    WHERE NOT $1::jsonb ? 'matches_nothing'
        AND (NOT $1::jsonb ? 'connection_id_pattern' OR connection.conn_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'connection_id_pattern'))))
        AND (NOT $1::jsonb ? 'connection_id_prefix_pattern' OR connection.conn_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'connection_id_prefix_pattern'))))
)
SELECT
    total.total_entries, matching.place, connection.conn_id, connection.conn_type, connection.description,
    connection.host, connection.login, connection.schema, connection.port, connection.password, connection.extra
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN connection ON connection.conn_id = matching.conn_id
ORDER BY matching.place
