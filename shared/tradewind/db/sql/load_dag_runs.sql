-- Running runs that this scheduler owns, of those asked for. By primary key.
SELECT
    r.id, r.dag_id, r.run_id, r.state, r.dag_version_id, r.owner, r.owner_epoch, r.revision, r.run_after, r.start_date,
    r.run_type, r.logical_date, r.timeout_at, r.try_weights, coalesce(d.is_paused, false) AS dag_is_paused
FROM dag_run r
LEFT JOIN dag d ON d.dag_id = r.dag_id
WHERE r.id = ANY($2::bigint[]) AND r.owner = $1::uuid AND r.state = 'running'
ORDER BY r.id
