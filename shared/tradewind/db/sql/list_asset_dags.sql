-- DAGs that events have waited for since before $1: what no message made anybody look at. asset_dag_run_queue_pkey.
SELECT d.dag_id
FROM dag d
WHERE NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
    AND d.dag_id > $2::text
    AND EXISTS (SELECT 1 FROM asset_dag_run_queue q WHERE q.dag_id = d.dag_id AND q.created_at < $1::timestamptz)
ORDER BY d.dag_id
LIMIT $3::integer
