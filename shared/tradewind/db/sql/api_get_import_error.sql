-- One import error by its id; import_error_pkey.
SELECT id AS import_error_id, relative_fileloc AS filename, stacktrace AS stack_trace, created_at AS timestamp
FROM import_error
WHERE id = $1
