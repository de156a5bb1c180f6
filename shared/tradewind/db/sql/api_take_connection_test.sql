-- The test that waits longest is somebody's until it expires. A scan of connection_test, which is small.
UPDATE connection_test
SET state = 'running', expires_at = $2::timestamptz
WHERE id = (
    SELECT id
    FROM connection_test
    WHERE state = 'pending' AND expires_at > $1::timestamptz
    ORDER BY created_at, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, connection
