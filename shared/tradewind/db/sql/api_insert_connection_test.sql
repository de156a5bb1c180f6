-- A connection is to be tested; no row if a test of it is under way. By connection_test_active.
INSERT INTO connection_test (
    id, token_digest, connection_id, connection, commit_on_success, created_at, expires_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (connection_id) WHERE ended_at IS NULL DO NOTHING
RETURNING id
