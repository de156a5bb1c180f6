-- What a version of a bundle consists of, once, with links that keep its contents. By primary keys.
WITH written AS (
    INSERT INTO bundle_manifest (digest, content)
    VALUES ($1::text, $2::bytea)
    ON CONFLICT DO NOTHING
)
INSERT INTO bundle_manifest_blob (manifest_digest, blob_digest)
SELECT $1::text, w.digest
FROM unnest($3::text[]) AS w (digest)
ON CONFLICT DO NOTHING
