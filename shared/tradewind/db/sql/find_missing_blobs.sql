-- Contents of a manifest that are not stored yet. By bundle_manifest_blob_pkey and bundle_blob_pkey.
SELECT l.blob_digest AS digest
FROM bundle_manifest_blob l
WHERE l.manifest_digest = $1::text AND NOT EXISTS (SELECT FROM bundle_blob b WHERE b.digest = l.blob_digest)
ORDER BY l.blob_digest
