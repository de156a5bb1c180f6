-- Backfills of which no run is queued or running are complete. By backfill_active and dag_run_by_backfill.
UPDATE backfill b
SET completed_at = $1::timestamptz, updated_at = $1::timestamptz
WHERE b.completed_at IS NULL
    AND NOT EXISTS (SELECT FROM dag_run r WHERE r.backfill_id = b.id AND r.state IN ('queued', 'running'))
RETURNING b.id
