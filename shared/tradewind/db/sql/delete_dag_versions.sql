-- Versions of a DAG that is gone. By dag_version_dag_id_version_number_key.
DELETE FROM dag_version WHERE dag_id = $1
