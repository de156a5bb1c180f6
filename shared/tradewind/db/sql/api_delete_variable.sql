-- Removes a variable; no row if there was none; variable_pkey.
DELETE FROM variable WHERE key = $1 RETURNING key
