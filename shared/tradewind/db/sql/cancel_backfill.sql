-- No more runs of a backfill are started: those that are queued fail. By primary key and dag_run_by_backfill.
WITH ended AS (
    UPDATE backfill
    SET is_paused = true, completed_at = $2::timestamptz, updated_at = $2::timestamptz
    WHERE id = $1::bigint AND completed_at IS NULL
    RETURNING id
)
UPDATE dag_run r
SET state = 'failed', end_date = $2::timestamptz, revision = r.revision + 1
FROM ended e
WHERE r.backfill_id = e.id AND r.state = 'queued'
RETURNING r.id
