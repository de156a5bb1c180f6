-- Runs of a DAG that a person's action is about: one ($2), or those of a range of logical dates ($3, $4; null = open);
-- dag_run_dag_id_run_id_key, dag_run_dag_id_logical_date_key.
SELECT id, run_id, state, logical_date, dag_version_id
FROM dag_run
WHERE dag_id = $1
    AND ($2::text IS NULL OR run_id = $2)
    AND ($3::timestamptz IS NULL OR logical_date >= $3)
    AND ($4::timestamptz IS NULL OR logical_date <= $4)
ORDER BY id
