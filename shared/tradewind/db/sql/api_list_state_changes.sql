-- Changes of transactions that the snapshot $1 did not see and $3 (null: that of now) sees, in the order in which they
-- were noted, after $4. Those noted after $2 by state_change_pkey; before, by transactions that were not over at $1, by
-- state_change_by_xid, held to it by `+ 0`; dag_run_pkey. At least one row, for what it says of the place.
WITH late AS MATERIALIZED (
    SELECT l.*
    FROM state_change l
    WHERE l.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AND l.seq + 0 > $4::bigint
    UNION ALL
    SELECT l.*
    FROM state_change l
    WHERE l.xid >= pg_snapshot_xmax($1::text::pg_snapshot)
        AND l.seq + 0 > $4::bigint
        AND l.seq + 0 <= $2::bigint
        AND $4::bigint < $2::bigint
)
SELECT
    place.upto::text AS upto,
    pg_snapshot_xmax($1::text::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()) AS is_known,
    place.removed_through,
    found.*
FROM (
    SELECT coalesce($3::text::pg_snapshot, pg_current_snapshot()) AS upto, removed_through FROM state_change_floor
) AS place
LEFT JOIN (
    SELECT
        c.seq, c.changed_at, c.dag_run_id AS run_key, r.dag_id, r.run_id AS dag_run_id, r.run_type, c.task_id,
        c.map_index, c.try_number, c.state
    FROM (
        (
            SELECT l.*
            FROM late l
            WHERE pg_visible_in_snapshot(l.xid, coalesce($3::text::pg_snapshot, pg_current_snapshot()))
        )
        UNION ALL
        (
            SELECT n.*
            FROM state_change n
            WHERE n.seq > greatest($2::bigint, $4::bigint)
                AND n.xid >= pg_snapshot_xmax($1::text::pg_snapshot)
                AND pg_visible_in_snapshot(n.xid, coalesce($3::text::pg_snapshot, pg_current_snapshot()))
            ORDER BY n.seq
            LIMIT $5::integer
        )
        ORDER BY seq
        LIMIT $5::integer
    ) AS c
    LEFT JOIN dag_run r ON r.id = c.dag_run_id
) AS found ON true
ORDER BY found.seq
