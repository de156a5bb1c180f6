-- Locks the DAGs that are about to be paused or unpaused, in key order; dag_pkey.
SELECT dag_id FROM dag WHERE dag_id = ANY ($1::text[]) AND is_paused <> $2 ORDER BY dag_id FOR NO KEY UPDATE
