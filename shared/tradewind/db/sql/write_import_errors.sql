-- Import errors of files; the number of an error that is still there stays. By import_error_relative_fileloc_key.
INSERT INTO import_error (relative_fileloc, stacktrace, created_at)
SELECT w.relative_fileloc, w.stacktrace, $1::timestamptz
FROM unnest($2::text[], $3::text[]) AS w (relative_fileloc, stacktrace)
ON CONFLICT (relative_fileloc) DO UPDATE SET stacktrace = excluded.stacktrace, created_at = excluded.created_at
