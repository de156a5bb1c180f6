-- Of these runs, those that ended before a moment and that nothing needs, locked in key order; those that somebody else
-- has are left for the next time. Needed are: what a request or a deadline is about; runs of a backfill that goes on;
-- runs with tasks that are not over; the last run of each DAG, by date, by logical date (among those that schedules
-- and tasks with depends_on_past look at, too) and by partition; and the run before each one that is not over, for
-- depends_on_past. By dag_run_pkey, dag_run_dag_id_logical_date_key, dag_run_by_run_after, dag_run_partitioned,
-- dag_request_by_run, deadline_pkey, backfill_pkey, task_instance_pkey.
SELECT r.id
FROM dag_run r
LEFT JOIN LATERAL (
    SELECT n.logical_date
    FROM dag_run n
    WHERE n.dag_id = r.dag_id
        AND n.logical_date > r.logical_date
        AND (
            r.run_type = 'manual' OR n.run_type IN ('scheduled', 'backfill')
            OR (r.run_type NOT IN ('scheduled', 'backfill') AND n.run_type <> 'manual')
        )
    ORDER BY n.logical_date
    LIMIT 1
) AS following ON true
WHERE r.id = ANY($1::bigint[])
    AND r.state IN ('success', 'failed')
    AND r.end_date < $2::timestamptz
    AND NOT EXISTS (SELECT FROM dag_request q WHERE q.dag_run_id = r.id)
    AND NOT EXISTS (SELECT FROM deadline d WHERE d.dag_run_id = r.id)
    AND NOT EXISTS (SELECT FROM backfill b WHERE b.id = r.backfill_id AND b.completed_at IS NULL)
    AND NOT EXISTS (
        SELECT FROM task_instance t
        WHERE t.dag_run_id = r.id
            AND (
                t.held_slots > 0 OR t.kept_slots > 0 OR t.end_pending
                OR t.state IN (
                    'scheduled', 'queued', 'running', 'restarting', 'up_for_retry', 'up_for_reschedule', 'deferred',
                    'awaiting_input'
                )
            )
    )
    AND r.id <> (SELECT l.id FROM dag_run l WHERE l.dag_id = r.dag_id ORDER BY l.run_after DESC LIMIT 1)
    AND (r.logical_date IS NULL OR following.logical_date IS NOT NULL)
    AND NOT EXISTS (
        SELECT FROM dag_run u
        WHERE u.dag_id = r.dag_id AND u.logical_date > r.logical_date AND u.logical_date <= following.logical_date
            AND u.state IN ('queued', 'running')
    )
    AND (
        r.run_type <> 'scheduled' OR r.partition_key IS NULL
        OR EXISTS (
            SELECT FROM dag_run p
            WHERE p.dag_id = r.dag_id AND p.run_type = 'scheduled' AND p.partition_key IS NOT NULL
                AND p.run_after > r.run_after
        )
    )
ORDER BY r.id
FOR UPDATE OF r SKIP LOCKED
