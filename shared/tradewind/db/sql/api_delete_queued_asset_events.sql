-- Forget what waits in the queues of all DAGs for an asset ($1), queued before $2 (null: ever); asset_dag_run_queue_by_asset.
DELETE FROM asset_dag_run_queue q
WHERE q.asset_id = $1 AND ($2::timestamptz IS NULL OR q.created_at < $2)
RETURNING q.event_id
