-- Which assets have events in a (locked) DAG's queue, and when the last one came. asset_dag_run_queue_pkey.
SELECT a.name, a.uri, q.queued_at
FROM (
    SELECT w.asset_id, max(w.created_at) AS queued_at FROM asset_dag_run_queue w WHERE w.dag_id = $1::text
    GROUP BY w.asset_id
) AS q
JOIN asset a ON a.id = q.asset_id
ORDER BY a.name, a.uri
