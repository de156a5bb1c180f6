-- A variable for a DAG file that is imported, with the fingerprint that load_stored_fingerprints gives; variable_pkey.
SELECT value, md5(variable::text) AS fingerprint FROM variable WHERE key = $1
