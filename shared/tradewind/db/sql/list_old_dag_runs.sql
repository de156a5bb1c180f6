-- Runs that ended before a moment, from the oldest on, of some DAGs (null: of all) but for others; whether they can go is
-- asked when they are locked. By dag_run_by_start_date.
SELECT r.id, r.start_date
FROM dag_run r
WHERE r.start_date < $1::timestamptz
    AND (r.start_date, r.id) > ($2::timestamptz, $3::bigint)
    AND r.end_date < $1::timestamptz
    AND r.state IN ('success', 'failed')
    AND ($4::text[] IS NULL OR r.dag_id = ANY($4::text[]))
    AND r.dag_id <> ALL($5::text[])
ORDER BY r.start_date, r.id
LIMIT $6
