-- A new variable; no row if the key is taken; variable_pkey.
INSERT INTO variable (key, value, description) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING RETURNING key
