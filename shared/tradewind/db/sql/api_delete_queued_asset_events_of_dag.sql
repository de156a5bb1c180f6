-- Forget what waits in the queue of a DAG ($1) for an asset ($2, null: all), queued before $3 (null: ever);
-- asset_dag_run_queue_pkey.
DELETE FROM asset_dag_run_queue q
WHERE q.dag_id = $1 AND ($2::bigint IS NULL OR q.asset_id = $2)
    AND ($3::timestamptz IS NULL OR q.created_at < $3)
RETURNING q.event_id
