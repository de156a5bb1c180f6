-- queued -> running, oldest first, as many as each of the (locked) DAGs may have; rows locked in key order.
-- By dag_run_queued and dag_run_running_by_dag.
WITH chosen AS MATERIALIZED (
    SELECT q.id
    FROM dag d
    CROSS JOIN LATERAL (
        SELECT greatest(d.max_active_runs - count(*), 0) AS free
        FROM dag_run r
        WHERE r.dag_id = d.dag_id AND r.state = 'running'
    ) AS room
    CROSS JOIN LATERAL (
        SELECT r.id, r.run_after
        FROM dag_run r
        WHERE r.dag_id = d.dag_id AND r.state = 'queued' AND r.run_after <= $3::timestamptz
        ORDER BY r.run_after, r.id
        LIMIT room.free
    ) AS q
    WHERE d.dag_id = ANY($2::text[])
    ORDER BY q.run_after, q.id
    LIMIT $4::integer
),
locked AS MATERIALIZED (
    SELECT r.id, r.state, r.dag_id
    FROM chosen c
    JOIN dag_run r ON r.id = c.id
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
)
UPDATE dag_run r
SET
    state = 'running',
    owner = $1::uuid,
    owner_epoch = r.owner_epoch + 1,
    start_date = coalesce(r.start_date, $3::timestamptz),
    end_date = NULL,
    timeout_at = coalesce(r.start_date, $3::timestamptz) + make_interval(secs => d.dagrun_timeout_seconds),
    last_scheduling_decision = $3::timestamptz
FROM locked l
JOIN dag d ON d.dag_id = l.dag_id
WHERE r.id = l.id AND l.state = 'queued'
RETURNING r.id, r.run_after
