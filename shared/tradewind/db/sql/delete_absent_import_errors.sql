-- Import errors of files that are gone. Few rows.
DELETE FROM import_error WHERE relative_fileloc <> ALL($1::text[])
