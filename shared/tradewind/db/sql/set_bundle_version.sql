-- The version that a bundle's DAGs go by from now on (null: none, for $3); the one before is left. By primary keys.
WITH left_behind AS (
    UPDATE dag_bundle_version v
    SET left_at = $4::timestamptz
    FROM dag_bundle b
    WHERE b.name = $1::text AND v.bundle_name = b.name AND v.version = b.version
        AND b.version IS DISTINCT FROM $2::text
)
INSERT INTO dag_bundle (name, version, error, refreshed_at)
VALUES ($1::text, $2::text, $3::text, $4::timestamptz)
ON CONFLICT (name) DO UPDATE
SET version = excluded.version, error = excluded.error, refreshed_at = excluded.refreshed_at
