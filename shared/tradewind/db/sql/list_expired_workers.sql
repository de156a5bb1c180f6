-- Which of these incarnations are tombstoned. By primary key.
SELECT w.incarnation
FROM unnest($1::text[], $2::uuid[]) AS l (worker_id, incarnation)
JOIN worker w ON w.worker_id = l.worker_id AND w.incarnation = l.incarnation
WHERE w.expired_at IS NOT NULL
