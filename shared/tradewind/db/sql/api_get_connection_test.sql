-- What became of a test; by the unique index on token_digest.
SELECT connection_id, state, result_message, created_at FROM connection_test WHERE token_digest = $1::bytea
