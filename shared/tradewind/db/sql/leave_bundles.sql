-- Bundles that are configured no more have no current version: it goes once nothing names it. Few rows; by primary keys.
WITH gone AS (
    UPDATE dag_bundle b
    SET version = NULL
    FROM dag_bundle before
    WHERE before.name = b.name AND b.name <> ALL($1::text[]) AND b.version IS NOT NULL
    RETURNING before.name, before.version
)
UPDATE dag_bundle_version v
SET left_at = $2::timestamptz
FROM gone g
WHERE v.bundle_name = g.name AND v.version = g.version
