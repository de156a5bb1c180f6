-- Runs in whatever state, as the core sees them. By dag_run_pkey.
SELECT r.*, coalesce(d.is_paused, false) AS dag_is_paused
FROM dag_run r
LEFT JOIN dag d ON d.dag_id = r.dag_id
WHERE r.id = ANY($1::bigint[])
ORDER BY r.id
