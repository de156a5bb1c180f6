-- queued -> running, oldest first, as many as each of the (locked) DAGs may have; rows locked in key order.
-- Backfills have limits of their own, and their order. By dag_run_queued, dag_run_running_by_dag,
-- dag_run_backfill_queued, dag_run_by_backfill and primary keys.
WITH chosen AS MATERIALIZED (
    SELECT q.id
    FROM dag d
    CROSS JOIN LATERAL (
        SELECT greatest(d.max_active_runs - count(*), 0) AS free
        FROM dag_run r
        WHERE r.dag_id = d.dag_id AND r.state = 'running' AND r.backfill_id IS NULL
    ) AS room
    CROSS JOIN LATERAL (
        (
            SELECT r.id, r.run_after, 0 AS sort_ordinal
            FROM dag_run r
            WHERE r.dag_id = d.dag_id AND r.state = 'queued' AND r.run_after <= $3::timestamptz
                AND r.backfill_id IS NULL
            ORDER BY r.run_after, r.id
            LIMIT room.free
        )
        UNION ALL
        (
            SELECT n.id, n.run_after, n.sort_ordinal
            FROM (
                SELECT DISTINCT w.backfill_id
                FROM dag_run w
                WHERE w.dag_id = d.dag_id AND w.state = 'queued' AND w.backfill_id IS NOT NULL
            ) AS waiting
            JOIN backfill b ON b.id = waiting.backfill_id AND NOT (b.is_paused AND b.completed_at IS NULL)
            CROSS JOIN LATERAL (
                SELECT greatest(b.max_active_runs - count(*), 0) AS free
                FROM dag_run r
                WHERE r.backfill_id = b.id AND r.state = 'running'
            ) AS own
            CROSS JOIN LATERAL (
                SELECT r.id, r.run_after, x.sort_ordinal
                FROM dag_run r
                JOIN backfill_dag_run x ON x.dag_run_id = r.id AND x.backfill_id = b.id
                WHERE r.backfill_id = b.id AND r.state = 'queued'
                ORDER BY x.sort_ordinal
                LIMIT own.free
            ) AS n
        )
    ) AS q
    WHERE d.dag_id = ANY($2::text[])
    ORDER BY q.sort_ordinal, q.run_after, q.id
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
