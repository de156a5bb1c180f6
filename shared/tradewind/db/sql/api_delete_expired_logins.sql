-- Forgets what no longer matters: tokens that have expired by themselves, and counts of logins whose time is over;
-- revoked_token_by_expiry, login_attempt_by_end.
WITH forgotten AS (
    DELETE FROM login_attempt WHERE ends_at < $1
)
DELETE FROM revoked_token WHERE expires_at < $1
