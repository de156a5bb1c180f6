-- A service instance lives; rows of instances long gone are removed. By primary key.
WITH removed AS (
    DELETE FROM service_heartbeat WHERE service = $1::text AND renewed_at < $4::timestamptz
)
INSERT INTO service_heartbeat (service, instance, renewed_at, started_at, hostname)
VALUES ($1::text, $2::uuid, $3::timestamptz, $3::timestamptz, $5::text)
ON CONFLICT (service, instance) DO UPDATE SET renewed_at = excluded.renewed_at
