-- Workers that stopped and hold nothing. One that holds an attempt stays, so that its lease runs out. By primary key.
DELETE FROM worker w
USING unnest($1::text[], $2::uuid[]) AS l (worker_id, incarnation)
WHERE w.worker_id = l.worker_id AND w.incarnation = l.incarnation AND w.expired_at IS NULL
    AND NOT EXISTS (
        SELECT FROM task_instance t WHERE t.incarnation = w.incarnation AND t.state IN ('running', 'restarting')
    )
