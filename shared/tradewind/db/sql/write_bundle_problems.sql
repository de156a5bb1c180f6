-- What is wrong with whole bundles ($2 under the names $1), in place of what was: a scan of import_error, which is small,
-- and import_error_relative_fileloc_key.
WITH gone AS (
    DELETE FROM import_error e WHERE e.relative_fileloc LIKE '%/' AND e.relative_fileloc <> ALL($1::text[])
)
INSERT INTO import_error (relative_fileloc, stacktrace, created_at)
SELECT w.relative_fileloc, w.stacktrace, $3::timestamptz
FROM unnest($1::text[], $2::text[]) AS w (relative_fileloc, stacktrace)
ON CONFLICT (relative_fileloc) DO UPDATE SET stacktrace = excluded.stacktrace, created_at = excluded.created_at
