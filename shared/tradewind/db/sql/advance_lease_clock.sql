-- Elects and ticks in one: the holder adds the time since its last tick, bounded; after a gap anybody may take over,
-- and a full lease of silence begins in which nothing ages. One row.
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
