-- Those of the manifests that no version of a bundle has any more, with the links to their contents, which are given.
-- By bundle_manifest_pkey, dag_bundle_version_by_digest and bundle_manifest_blob_pkey.
WITH unused AS MATERIALIZED (
    SELECT m.digest
    FROM bundle_manifest m
    WHERE m.digest = ANY($1::text[])
        AND NOT EXISTS (SELECT FROM dag_bundle_version v WHERE v.digest = m.digest)
),
unlinked AS (
    DELETE FROM bundle_manifest_blob l USING unused u WHERE l.manifest_digest = u.digest
    RETURNING l.blob_digest
),
gone AS (
    DELETE FROM bundle_manifest m USING unused u WHERE m.digest = u.digest
)
SELECT DISTINCT u.blob_digest AS digest FROM unlinked u
