-- Files as last parsed, good or bad. By primary key.
INSERT INTO dag_file (relative_fileloc, file_digest, dependencies, last_parsed_at)
SELECT w.relative_fileloc, w.file_digest, w.dependencies::json, $1::timestamptz
FROM unnest($2::text[], $3::text[], $4::text[]) AS w (relative_fileloc, file_digest, dependencies)
ON CONFLICT (relative_fileloc) DO UPDATE
SET
    file_digest = excluded.file_digest,
    dependencies = excluded.dependencies,
    last_parsed_at = excluded.last_parsed_at
