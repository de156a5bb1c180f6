-- One variable; variable_pkey.
SELECT key, value, description FROM variable WHERE key = $1
