-- Those of the digests of which no content is stored. By primary key.
SELECT w.digest
FROM unnest($1::text[]) AS w (digest)
WHERE NOT EXISTS (SELECT FROM bundle_blob b WHERE b.digest = w.digest)
