-- Some of what people did before a moment; archived, if a moment is given. By event_log_by_time, event_log_pkey.
WITH gone AS (
    DELETE FROM event_log
    WHERE id IN (
        SELECT e.id
        FROM event_log e
        WHERE e.created_at < $1::timestamptz
            AND ($2::text[] IS NULL OR e.dag_id = ANY($2::text[]))
            AND coalesce(e.dag_id <> ALL($3::text[]), true)
        ORDER BY e.created_at
        LIMIT $4
    )
    RETURNING *
),
archived AS (
    INSERT INTO archived_row (archived_at, table_name, content)
    SELECT $5::timestamptz, 'log', to_jsonb(gone) FROM gone WHERE $5::timestamptz IS NOT NULL
)
SELECT count(*) FROM gone
