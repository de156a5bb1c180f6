-- Elects and ticks in one: the holder adds the time since its last tick, bounded; after a gap anybody may take over,
-- and a full lease of silence begins in which nothing ages. One row. Every few seconds the collector notes that it lives,
-- elected or not: by primary key.
WITH heard AS (
    INSERT INTO service_heartbeat (service, instance, renewed_at, started_at, hostname)
    SELECT 'collector', $1::uuid, $2::timestamptz, $2::timestamptz, $6::text
    WHERE NOT EXISTS (
        SELECT
        FROM service_heartbeat h
        WHERE h.service = 'collector' AND h.instance = $1::uuid
            AND h.renewed_at > $2::timestamptz - make_interval(secs => $3::double precision / 4)
    )
    ON CONFLICT (service, instance) DO UPDATE SET renewed_at = excluded.renewed_at
),
forgotten AS (
    DELETE FROM service_heartbeat
    WHERE service = 'collector' AND renewed_at < $2::timestamptz - $7::interval
)
UPDATE lease_clock c
SET
    tick = CASE WHEN g.is_gap THEN c.tick ELSE c.tick + least(greatest(g.seconds, 0), $4::double precision) END,
    silent_until_tick = CASE WHEN g.is_gap THEN c.tick + $3::double precision ELSE c.silent_until_tick END,
    lease_seconds = $3::double precision,
    holder = $1::uuid,
    ticked_at = $2::timestamptz
FROM (
    SELECT
        l.singleton,
        extract(epoch FROM $2::timestamptz - l.ticked_at)::double precision AS seconds,
        l.ticked_at IS NULL
            OR abs(extract(epoch FROM $2::timestamptz - l.ticked_at)) > $5::double precision AS is_gap,
        l.holder
    FROM lease_clock l
    FOR NO KEY UPDATE
) AS g
WHERE c.singleton = g.singleton AND (g.is_gap OR g.holder = $1::uuid)
RETURNING true AS is_elected
