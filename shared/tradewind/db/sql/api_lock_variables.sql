-- These variables as they are, for a transaction that will change or remove them, in key order; variable_pkey.
SELECT key, value, description FROM variable WHERE key = ANY ($1::text[]) ORDER BY key FOR NO KEY UPDATE
