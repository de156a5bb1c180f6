-- At most $2 keys that were given before $1 are free again; trigger_key_by_age, trigger_key_pkey.
DELETE FROM trigger_key k
USING (
    SELECT o.scope, o.key FROM trigger_key o WHERE o.created_at < $1::timestamptz ORDER BY o.created_at LIMIT $2::integer
) AS old
WHERE k.scope = old.scope AND k.key = old.key
RETURNING k.key
