-- Those of these runs ($2) that a DAG ($1) has, and whether each is of a partition; dag_run_dag_id_run_id_key.
SELECT run_id, partition_key IS NOT NULL OR partition_date IS NOT NULL AS is_partitioned
FROM dag_run
WHERE dag_id = $1 AND run_id = ANY ($2::text[])
ORDER BY run_id
