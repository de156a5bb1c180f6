-- What people did before a moment. By event_log_by_time.
SELECT count(*)
FROM event_log e
WHERE e.created_at < $1::timestamptz
    AND ($2::text[] IS NULL OR e.dag_id = ANY($2::text[]))
    AND coalesce(e.dag_id <> ALL($3::text[]), true)
