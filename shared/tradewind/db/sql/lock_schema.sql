-- One migrating process at a time; held until the connection closes.
SELECT pg_advisory_lock($1)
