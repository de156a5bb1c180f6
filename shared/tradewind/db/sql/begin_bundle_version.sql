-- A version whose contents are to follow: it counts as left until it is set. By primary key.
INSERT INTO dag_bundle_version (bundle_name, version, digest, created_at, left_at)
VALUES ($1::text, $2::text, $3::text, $4::timestamptz, $4::timestamptz)
ON CONFLICT DO NOTHING
