-- A connection for a DAG file that is imported, with the fingerprint that load_stored_fingerprints gives;
-- connection_pkey.
SELECT
    conn_id, conn_type, host, login, schema, port, password, extra, md5(connection::text) AS fingerprint
FROM connection
WHERE conn_id = $1
