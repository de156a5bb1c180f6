-- New variables; a key that is taken gives no row; variable_pkey.
INSERT INTO variable (key, value, description)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[]) AS new (key, value, description) ORDER BY key
ON CONFLICT (key) DO NOTHING
RETURNING key
