-- A version that is whole now; one of the same name (a commit whose files are chosen otherwise now) has other content
-- from now on. By primary key.
INSERT INTO dag_bundle_version (bundle_name, version, digest, created_at)
VALUES ($1::text, $2::text, $3::text, $4::timestamptz)
ON CONFLICT (bundle_name, version) DO UPDATE
SET digest = excluded.digest, left_at = NULL
