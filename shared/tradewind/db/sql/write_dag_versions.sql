-- New versions, and versions without runs (or with the same structure) in place. By primary key.
INSERT INTO dag_version (
    id, dag_id, version_number, structure_digest, file_digest, relative_fileloc, spec, created_at,
    bundle_name, bundle_version
)
SELECT
    w.id, w.dag_id, w.version_number, w.structure_digest, w.file_digest, w.relative_fileloc, w.spec::json,
    $1::timestamptz, w.bundle_name, nullif(w.bundle_version, '')
FROM unnest(
    $2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]
) AS w (
    id, dag_id, version_number, structure_digest, file_digest, relative_fileloc, spec, bundle_name, bundle_version
)
ON CONFLICT (id) DO UPDATE
SET
    structure_digest = excluded.structure_digest,
    file_digest = excluded.file_digest,
    relative_fileloc = excluded.relative_fileloc,
    spec = excluded.spec,
    bundle_name = excluded.bundle_name,
    bundle_version = excluded.bundle_version
