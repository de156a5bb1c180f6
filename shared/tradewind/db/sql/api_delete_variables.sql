-- Removes (locked) variables; variable_pkey.
DELETE FROM variable WHERE key = ANY ($1::text[]) RETURNING key
