-- Another secret for a webhook; the one that it had counts until $4 (null: no longer); webhook_pkey.
UPDATE webhook
SET
    previous_secret = CASE WHEN $4::timestamptz IS NOT NULL THEN secret END,
    previous_ends_at = $4::timestamptz,
    secret = $2::bytea,
    rotated_at = $3::timestamptz
WHERE name = $1
RETURNING name
