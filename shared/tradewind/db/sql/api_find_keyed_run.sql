-- The run that was asked for under one of these keys since $3; trigger_key_pkey, dag_run_pkey.
SELECT k.digest, r.dag_id, r.run_id AS dag_run_id, r.state
FROM unnest($2::text[]) AS wanted (key)
JOIN trigger_key k ON k.scope = $1 AND k.key = wanted.key
JOIN dag_run r ON r.id = k.dag_run_id
WHERE k.created_at >= $3::timestamptz
LIMIT 1
