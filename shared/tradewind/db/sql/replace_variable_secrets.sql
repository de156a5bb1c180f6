-- Replaces tokens ($2) of variables ($1) by others ($3), unless somebody has changed them meanwhile; variable_pkey.
UPDATE variable AS v
SET value = n.new
FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS n (key, old, new)
WHERE v.key = n.key AND v.value = n.old
