-- Contents of files, each once. By primary key.
INSERT INTO bundle_blob (digest, size, content)
SELECT w.digest, w.size, w.content
FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS w (digest, size, content)
ON CONFLICT DO NOTHING
