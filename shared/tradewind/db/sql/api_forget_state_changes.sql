-- At most $3 changes that are older than $1, or more than $2 back, are kept no longer; state_change_pkey.
WITH oldest AS MATERIALIZED (
    SELECT c.seq FROM state_change c
    WHERE c.seq <= (
        SELECT max(first.seq) FILTER (
            WHERE first.changed_at < $1::timestamptz
                OR first.seq <= (SELECT last.seq FROM state_change last ORDER BY last.seq DESC LIMIT 1) - $2::bigint
        )
        FROM (SELECT f.seq, f.changed_at FROM state_change f ORDER BY f.seq LIMIT $3::integer) AS first
    )
),
removed AS (
    DELETE FROM state_change c USING oldest o WHERE c.seq = o.seq RETURNING c.seq
),
noted AS (
    UPDATE state_change_floor
    SET removed_through = greatest(removed_through, (SELECT max(seq) FROM removed))
    WHERE EXISTS (SELECT FROM removed)
)
SELECT count(*) AS removed FROM removed
