-- Changes the fields of a variable that $2 names; variable_pkey.
UPDATE variable
SET value = CASE WHEN 'value' = ANY ($2::text[]) THEN $3 ELSE value END,
    description = CASE WHEN 'description' = ANY ($2::text[]) THEN $4 ELSE description END
WHERE key = $1
RETURNING key, value, description
