-- At most $1 of the files that people want parsed, by name; parse_request_pkey.
SELECT relative_fileloc, generation FROM parse_request ORDER BY relative_fileloc LIMIT $1::bigint
