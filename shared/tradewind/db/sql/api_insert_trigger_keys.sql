-- These keys stand for the run from now on, in key order; no row for one that stands for another run since $6.
-- trigger_key_pkey.
INSERT INTO trigger_key (scope, key, digest, dag_run_id, created_at)
SELECT $1, wanted.key, $3, $4, $5 FROM unnest($2::text[]) WITH ORDINALITY AS wanted (key, place) ORDER BY wanted.place
ON CONFLICT (scope, key) DO UPDATE
SET digest = excluded.digest, dag_run_id = excluded.dag_run_id, created_at = excluded.created_at
WHERE trigger_key.created_at < $6::timestamptz
RETURNING key
