-- Replaces tokens ($2 secrets, $3 previous ones) of webhooks ($1) by others ($4, $5), unless somebody has changed them
-- meanwhile; webhook_pkey.
UPDATE webhook AS w
SET secret = n.new_secret, previous_secret = n.new_previous
FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
    AS n (name, old_secret, old_previous, new_secret, new_previous)
WHERE w.name = n.name
    AND w.secret IS NOT DISTINCT FROM n.old_secret
    AND w.previous_secret IS NOT DISTINCT FROM n.old_previous
