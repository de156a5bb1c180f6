-- What waits in the queues of DAGs, one row per DAG ($1, null: all) and asset ($2, null: all), queued before $3 (null:
-- ever); asset_dag_run_queue_pkey or asset_dag_run_queue_by_asset.
SELECT q.dag_id, q.asset_id, min(q.created_at) AS created_at, coalesce(d.dag_display_name, d.dag_id) AS dag_display_name
FROM asset_dag_run_queue q
JOIN dag d ON d.dag_id = q.dag_id
WHERE ($1::text IS NULL OR q.dag_id = $1) AND ($2::bigint IS NULL OR q.asset_id = $2)
    AND ($3::timestamptz IS NULL OR q.created_at < $3)
GROUP BY q.dag_id, q.asset_id, d.dag_display_name, d.dag_id
ORDER BY q.dag_id, q.asset_id
LIMIT $4::integer
