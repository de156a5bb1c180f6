-- Files that were parsed as people wanted, unless they were wanted again meanwhile; parse_request_pkey.
DELETE FROM parse_request AS p
USING unnest($1::text[], $2::integer[]) AS done (relative_fileloc, generation)
WHERE p.relative_fileloc = done.relative_fileloc AND p.generation = done.generation
