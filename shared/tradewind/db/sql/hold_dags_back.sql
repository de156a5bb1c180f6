-- DAGs whose file is still to be parsed as the new version has it ($2) stay on the version that they were parsed from;
-- those that were held back and need it no more go with their bundle again. Rows locked in key order; by
-- dag_by_file and dag_held_back.
WITH meant AS (
    SELECT d.dag_id
    FROM dag d
    WHERE d.relative_fileloc = ANY($2::text[]) AND d.bundle_name = $1::text AND d.bundle_version IS NULL
    UNION
    SELECT d.dag_id
    FROM dag d
    WHERE d.bundle_version IS NOT NULL AND d.bundle_name = $1::text
        AND d.relative_fileloc <> ALL($2::text[]) AND NOT d.has_import_errors
),
locked AS MATERIALIZED (
    SELECT d.dag_id
    FROM dag d
    WHERE d.dag_id IN (SELECT m.dag_id FROM meant m)
    ORDER BY d.dag_id
    FOR NO KEY UPDATE OF d
)
UPDATE dag d
SET bundle_version = CASE
    WHEN d.relative_fileloc = ANY($2::text[]) THEN
        coalesce((SELECT b.version FROM dag_bundle b WHERE b.name = $1::text), '')
END
FROM locked l
WHERE d.dag_id = l.dag_id
