-- Those of the contents that no manifest has any more. By bundle_blob_pkey and bundle_manifest_blob_by_blob.
DELETE FROM bundle_blob b
WHERE b.digest = ANY($1::text[])
    AND NOT EXISTS (SELECT FROM bundle_manifest_blob l WHERE l.blob_digest = b.digest)
RETURNING b.digest
