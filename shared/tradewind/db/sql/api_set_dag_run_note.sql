-- A person's note on a run (null = none); dag_run_pkey.
UPDATE dag_run SET note = $2 WHERE id = $1
