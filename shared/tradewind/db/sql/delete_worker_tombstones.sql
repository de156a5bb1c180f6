-- Tombstones that nobody will meet any more. Few rows.
DELETE FROM worker WHERE expired_at < $1::timestamptz
