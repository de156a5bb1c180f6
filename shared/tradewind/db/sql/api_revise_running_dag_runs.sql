-- Tells the owners of these DAGs' running runs to load them again: a raised revision refuses what they decided before.
-- Rows are locked in key order first; dag_run_running_by_dag.
WITH locked AS (
    SELECT id FROM dag_run WHERE dag_id = ANY ($1::text[]) AND state = 'running' ORDER BY id FOR NO KEY UPDATE
)
UPDATE dag_run SET revision = revision + 1 FROM locked WHERE dag_run.id = locked.id RETURNING dag_run.id
