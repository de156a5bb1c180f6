-- When each kind of service was last heard of; scans of tables that hold one row per process.
SELECT 'scheduler' AS service, max(renewed_at) AS renewed_at FROM scheduler WHERE expired_at IS NULL
UNION ALL
SELECT 'worker', max(renewed_at) FROM worker WHERE expired_at IS NULL
UNION ALL
SELECT 'triggerer', max(renewed_at) FROM triggerer
UNION ALL
SELECT 'collector', ticked_at FROM lease_clock
UNION ALL
SELECT service, max(renewed_at) FROM service_heartbeat WHERE service <> 'collector' GROUP BY service
