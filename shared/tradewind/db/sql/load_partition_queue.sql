-- The first events in a (locked) partitioned DAG's queue; asset_dag_run_queue_pkey.
SELECT q.event_id, a.name, a.uri, q.created_at AS queued_at, e.partition_key, e.partition_date, q.answer
FROM asset_dag_run_queue q
JOIN asset_event e ON e.id = q.event_id
JOIN asset a ON a.id = q.asset_id
WHERE q.dag_id = $1::text
ORDER BY q.event_id
LIMIT $2::integer
