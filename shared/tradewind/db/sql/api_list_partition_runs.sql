-- Runs of a DAG by their partition: of one key ($2), or with a date between $3 and $4 (null = open), both included;
-- dag_run_dag_id_run_id_key.
SELECT run_id
FROM dag_run
WHERE dag_id = $1
    AND ($2::text IS NULL OR partition_key = $2)
    AND ($2::text IS NOT NULL OR partition_date IS NOT NULL)
    AND ($3::timestamptz IS NULL OR partition_date >= $3)
    AND ($4::timestamptz IS NULL OR partition_date <= $4)
ORDER BY partition_date, run_id
