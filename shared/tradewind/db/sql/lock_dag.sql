-- A DAG that is about to be deleted: no run can be made of it until then. By dag_pkey.
SELECT dag_id FROM dag WHERE dag_id = $1 FOR UPDATE
