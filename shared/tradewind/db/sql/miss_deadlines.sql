-- Deadlines that are over, forgotten; of runs that missed theirs the callback is requested. By deadline_by_due.
WITH over AS MATERIALIZED (
    SELECT x.dag_run_id, x.place
    FROM deadline x
    WHERE x.due_at <= $1::timestamptz
    ORDER BY x.due_at
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM deadline x
    USING over o
    WHERE x.dag_run_id = o.dag_run_id AND x.place = o.place
    RETURNING x.*
)
INSERT INTO dag_request (dag_id, kind, dag_run_id, reason, created_at)
SELECT
    r.dag_id, 'deadline', r.id,
    g.place || ' ' || to_char(g.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), $1::timestamptz
FROM gone g
JOIN dag_run r ON r.id = g.dag_run_id
WHERE NOT (r.state = 'success' AND r.end_date <= g.due_at)
ORDER BY r.id, g.place
RETURNING id
