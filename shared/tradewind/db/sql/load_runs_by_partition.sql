-- The run started last about each of these partitions of a DAG. By dag_run_by_partition_date.
SELECT DISTINCT ON (r.partition_date) r.id, r.partition_date AS date, r.state, r.dag_version_id
FROM dag_run r
WHERE r.dag_id = $1::text AND r.partition_date = ANY($2::timestamptz[])
ORDER BY r.partition_date, r.start_date DESC NULLS LAST, r.id DESC
