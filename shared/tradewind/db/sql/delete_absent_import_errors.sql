-- Import errors of files that are gone; those of whole bundles (names that end with a slash) stay. Few rows.
DELETE FROM import_error WHERE relative_fileloc <> ALL($1::text[]) AND relative_fileloc NOT LIKE '%/'
