-- A DAG that may get runs by assets: one at a time makes them. By primary key.
SELECT d.dag_version_id, d.max_active_runs
FROM dag d
WHERE d.dag_id = $1::text AND NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
FOR NO KEY UPDATE OF d
