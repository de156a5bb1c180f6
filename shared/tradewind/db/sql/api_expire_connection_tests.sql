-- Ends tests whose time is over, and forgets those that ended long ago. A scan of connection_test, which is small.
WITH forgotten AS (
    DELETE FROM connection_test WHERE ended_at < $2::timestamptz
)
UPDATE connection_test
SET
    state = 'failed',
    ended_at = $1::timestamptz,
    connection = NULL,
    result_message = CASE state WHEN 'pending' THEN $3::text ELSE $4::text END
WHERE ended_at IS NULL AND expires_at <= $1::timestamptz
