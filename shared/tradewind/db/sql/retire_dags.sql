-- DAGs of files that are gone become stale, rows locked in key order: whole table, once per listing.
WITH gone AS MATERIALIZED (
    SELECT d.dag_id
    FROM dag d
    WHERE NOT d.is_stale AND d.relative_fileloc <> ALL($1::text[])
    ORDER BY d.dag_id
    FOR NO KEY UPDATE
)
UPDATE dag d SET is_stale = true, last_expired = $2::timestamptz FROM gone g WHERE d.dag_id = g.dag_id
RETURNING d.dag_id
