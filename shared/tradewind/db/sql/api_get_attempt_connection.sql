-- A connection, for an attempt: no row if another attempt is current, nulls if there is no such connection;
-- task_instance_attempt, connection_pkey.
SELECT
    attempt.state, connection.conn_id, connection.conn_type, connection.host, connection.login, connection.schema,
    connection.port, connection.password, connection.extra
FROM task_instance AS attempt
LEFT JOIN connection ON connection.conn_id = $2 AND attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
