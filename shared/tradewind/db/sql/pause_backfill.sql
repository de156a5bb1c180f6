-- Whether a backfill's queued runs may start. By primary key.
UPDATE backfill
SET is_paused = $2::boolean, updated_at = CASE WHEN is_paused = $2::boolean THEN updated_at ELSE $3::timestamptz END
WHERE id = $1::bigint AND completed_at IS NULL
RETURNING id
