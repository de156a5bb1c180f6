-- Requests that nobody holds, under a lease, with what their answer needs to know. By dag_request_by_lease, then keys.
WITH chosen AS MATERIALIZED (
    SELECT q.id
    FROM dag_request q
    WHERE q.leased_until <= $1::timestamptz
    ORDER BY q.leased_until, q.id
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE dag_request q
    SET leased_until = $1::timestamptz + $2::interval, attempts = q.attempts + 1
    FROM chosen c
    WHERE q.id = c.id
    RETURNING q.*
)
SELECT
    t.id, t.generation, t.attempts, t.dag_id, t.kind, t.reason, d.relative_fileloc,
    l.data_interval_start AS last_start, l.data_interval_end AS last_end,
    r.run_id, r.run_type, r.state, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at,
    r.start_date, r.end_date, r.triggered_by, r.triggering_user_name, r.conf::text AS conf,
    i.task_id, i.map_index, i.state AS task_state, i.try_number
FROM taken t
JOIN dag d ON d.dag_id = t.dag_id
LEFT JOIN dag_run r ON r.id = t.dag_run_id
LEFT JOIN LATERAL (
    SELECT p.data_interval_start, p.data_interval_end
    FROM dag_run p
    WHERE t.kind = 'next_run'
        AND p.dag_id = t.dag_id AND p.run_type IN ('scheduled', 'backfill') AND p.logical_date IS NOT NULL
    ORDER BY p.logical_date DESC
    LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT n.task_id, n.map_index, n.state, n.try_number
    FROM task_instance n
    WHERE n.dag_run_id = t.dag_run_id
    ORDER BY r.state = 'failed' AND n.state = 'failed' DESC, n.end_date DESC NULLS LAST, n.task_id, n.map_index
    LIMIT 1
) AS i ON true
ORDER BY t.id
