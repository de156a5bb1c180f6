-- Files that are gone: whole table against the complete listing, once per listing.
DELETE FROM dag_file WHERE relative_fileloc <> ALL($1::text[])
