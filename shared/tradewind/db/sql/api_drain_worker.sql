-- A person, or a scale-down, asks a worker to leave: the answer to its next heartbeat says so. By worker_pkey.
UPDATE worker
SET drain_asked_at = coalesce(drain_asked_at, $2::timestamptz)
WHERE worker_id = $1 AND expired_at IS NULL AND kind = 'celery'
RETURNING incarnation
