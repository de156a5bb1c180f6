-- Takes back the count of a login ($1 its keys) that was right; login_attempt_pkey.
WITH counted AS (
    SELECT key FROM login_attempt WHERE key = ANY ($1::bytea[]) ORDER BY key FOR NO KEY UPDATE
)
UPDATE login_attempt SET attempts = greatest(attempts - 1, 0)
FROM counted
WHERE login_attempt.key = counted.key
