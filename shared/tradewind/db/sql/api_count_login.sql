-- Counts a login before its password is looked at ($1 keys of who tries, $2 their limits, $3 now, $4 when a count that
-- begins now ends): whether each is within its limit, and when its count ends. Refused ones count, too;
-- keys are locked in their order, so that logins at once are counted one after the other; login_attempt_pkey.
WITH given AS (
    SELECT key, allowed FROM unnest($1::bytea[], $2::integer[]) AS given (key, allowed) ORDER BY key
), counted AS (
    INSERT INTO login_attempt AS known (key, ends_at, attempts)
    SELECT key, $4, 1 FROM given ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        ends_at = CASE WHEN known.ends_at <= $3 THEN $4 ELSE known.ends_at END,
        attempts = CASE WHEN known.ends_at <= $3 THEN 1 ELSE least(known.attempts + 1, 1000000) END
    RETURNING key, ends_at, attempts
)
SELECT counted.attempts <= given.allowed AS is_allowed, counted.ends_at
FROM counted
JOIN given ON given.key = counted.key
