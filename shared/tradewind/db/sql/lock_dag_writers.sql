-- One writer of DAG files at a time, until the transaction ends.
SELECT pg_advisory_xact_lock($1::bigint)
