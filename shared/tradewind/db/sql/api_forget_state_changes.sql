-- At most $3 changes that are older than $1, or more than $2 back, are kept no longer; state_change_pkey, from the last
-- one that was removed on: what lies before it is not vacuumed yet.
WITH first AS MATERIALIZED (
    SELECT c.seq, c.changed_at
    FROM state_change c
    WHERE c.seq > (SELECT removed_through FROM state_change_floor)
    ORDER BY c.seq
    LIMIT $3::integer
),
bound AS MATERIALIZED (
    SELECT max(seq) FILTER (
        WHERE changed_at < $1::timestamptz
            OR seq <= (SELECT l.seq FROM state_change l ORDER BY l.seq DESC LIMIT 1) - $2::bigint
    ) AS seq
    FROM first
),
removed AS (
    DELETE FROM state_change c
    USING first f, bound b
    WHERE f.seq <= b.seq AND c.seq = f.seq
    RETURNING c.seq
),
noted AS (
    UPDATE state_change_floor
    SET removed_through = greatest(removed_through, (SELECT max(seq) FROM removed))
    WHERE EXISTS (SELECT FROM removed)
)
SELECT count(*) AS removed FROM removed
