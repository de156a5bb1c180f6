-- Of what DAG files have read, what stands now: encrypted anew with every write, so that every write is another
-- fingerprint; variable_pkey, connection_pkey.
SELECT true AS is_variable, key AS name, md5(variable::text) AS fingerprint
FROM variable
WHERE key = ANY($1::text[])
UNION ALL
SELECT false, conn_id, md5(connection::text)
FROM connection
WHERE conn_id = ANY($2::text[])
