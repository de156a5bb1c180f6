-- (Locked) variables as they are to be; variable_pkey.
UPDATE variable
SET value = new.value, description = new.description
FROM unnest($1::text[], $2::bytea[], $3::text[]) AS new (key, value, description)
WHERE variable.key = new.key
RETURNING variable.key
