-- Locks the runs that a person changes, in key order; those that are gone are left out. By dag_run_pkey.
SELECT id FROM dag_run WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
