-- A (locked) DAG's queue is about to be read: what comes later is not seen yet. asset_dag_run_queue_unseen.
UPDATE asset_dag_run_queue q SET is_seen = true WHERE q.dag_id = $1::text AND NOT q.is_seen
