-- Open runs of DAGs with deadlines of which it is not known when they are due, with how long the latest runs took.
-- By dag_with_deadlines, dag_run_queued, dag_run_running_by_dag and dag_run_dag_id_logical_date_key.
SELECT r.id, r.dag_version_id, r.queued_at, r.logical_date, t.durations
FROM dag d
CROSS JOIN LATERAL (
    (
        SELECT q.id, q.dag_version_id, q.queued_at, q.logical_date
        FROM dag_run q
        WHERE q.dag_id = d.dag_id AND q.state = 'queued' AND q.deadlines_set_at IS NULL
    )
    UNION ALL
    (
        SELECT q.id, q.dag_version_id, q.queued_at, q.logical_date
        FROM dag_run q
        WHERE q.dag_id = d.dag_id AND q.state = 'running' AND q.deadlines_set_at IS NULL
    )
) AS r
CROSS JOIN LATERAL (
    SELECT array_agg(p.seconds) AS durations
    FROM (
        SELECT extract(epoch FROM p.end_date - p.start_date)::double precision AS seconds
        FROM dag_run p
        WHERE p.dag_id = d.dag_id AND p.start_date IS NOT NULL AND p.end_date IS NOT NULL
        ORDER BY p.logical_date DESC
        LIMIT 100
    ) AS p
) AS t
WHERE d.has_deadlines
ORDER BY r.id
LIMIT $1::integer
