-- DAGs with runs that may be started now, locked in key order; none if the scheduler has no lease. By dag_run_queued.
SELECT d.dag_id
FROM scheduler s
JOIN dag d ON NOT d.is_paused AND NOT d.is_stale
WHERE s.id = $1::uuid
    AND s.expired_at IS NULL
    AND ($2::text[] IS NULL OR d.dag_id = ANY($2::text[]))
    AND d.dag_id IN (SELECT r.dag_id FROM dag_run r WHERE r.state = 'queued' AND r.run_after <= $3::timestamptz)
ORDER BY d.dag_id
FOR SHARE OF s
FOR NO KEY UPDATE OF d
