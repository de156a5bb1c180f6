-- What a run that somebody waits for has come to; dag_run_pkey.
SELECT state FROM dag_run WHERE id = $1
