-- All runs of a DAG, in key order. By dag_run_dag_id_run_id_key.
SELECT id FROM dag_run WHERE dag_id = $1 ORDER BY id FOR UPDATE
