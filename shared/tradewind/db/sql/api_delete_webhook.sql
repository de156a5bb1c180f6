-- Remove a webhook; webhook_pkey.
DELETE FROM webhook WHERE name = $1 RETURNING name
