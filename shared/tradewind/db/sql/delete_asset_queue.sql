-- A (locked) DAG no longer waits for assets: nobody will use its queue. asset_dag_run_queue_pkey.
DELETE FROM asset_dag_run_queue q WHERE q.dag_id = $1::text
