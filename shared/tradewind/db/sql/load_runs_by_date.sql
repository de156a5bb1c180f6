-- A DAG's runs of these logical dates, locked in key order. By dag_run_dag_id_logical_date_key.
SELECT r.id, r.logical_date AS date, r.state, r.dag_version_id
FROM dag_run r
WHERE r.dag_id = $1::text AND r.logical_date = ANY($2::timestamptz[])
ORDER BY r.id
FOR NO KEY UPDATE OF r
