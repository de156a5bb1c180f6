-- What variables say that deadlines are reckoned with. By variable_pkey.
SELECT key, value
FROM variable
WHERE key = ANY($1::text[])
