-- Contents of files of a manifest, in the order asked for, until they have $3 bytes together (compressed), at least one;
-- bundle_manifest_blob_pkey, bundle_blob_pkey.
WITH sized AS (
    SELECT w.digest, w.place, sum(octet_length(b.content)) OVER (ORDER BY w.place) - octet_length(b.content) AS before
    FROM unnest($2::text[]) WITH ORDINALITY AS w (digest, place)
    JOIN bundle_manifest_blob l ON l.manifest_digest = $1::text AND l.blob_digest = w.digest
    JOIN bundle_blob b ON b.digest = w.digest
)
SELECT b.digest, b.content
FROM sized s
JOIN bundle_blob b ON b.digest = s.digest
WHERE s.before < $3::bigint
ORDER BY s.place
