-- Runs ($2) of a DAG ($1) are of no partition any more; a raised revision refuses what their owners decided before. Rows
-- are locked in key order first; dag_run_dag_id_run_id_key, dag_run_pkey.
WITH locked AS (
    SELECT id
    FROM dag_run
    WHERE dag_id = $1 AND run_id = ANY ($2::text[]) AND (partition_key IS NOT NULL OR partition_date IS NOT NULL)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE dag_run
SET partition_key = NULL, partition_date = NULL, revision = revision + 1
FROM locked
WHERE dag_run.id = locked.id
RETURNING dag_run.id, dag_run.state
