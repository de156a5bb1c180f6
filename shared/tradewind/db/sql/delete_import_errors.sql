-- These files can be imported again. By import_error_relative_fileloc_key.
DELETE FROM import_error WHERE relative_fileloc = ANY($1::text[])
