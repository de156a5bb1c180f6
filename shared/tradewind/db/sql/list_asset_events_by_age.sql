-- The next asset events, from the oldest on, and whether they can go: not what a DAG has yet to use, or what a run that
-- is not over was made by, and not the last event of an asset, which tasks look at. By asset_event_pkey,
-- asset_event_by_asset, asset_dag_run_queue_by_event, asset_partition_event_by_event, dag_run_asset_event_by_event.
SELECT
    e.id,
    e.timestamp,
    ($3::text[] IS NULL OR e.source_dag_id = ANY($3::text[]))
        AND coalesce(e.source_dag_id <> ALL($4::text[]), true)
        AND queued.event_id IS NULL AND sorted.event_id IS NULL AND used.event_id IS NULL
        AND last.id <> e.id AS is_free
FROM (SELECT * FROM asset_event WHERE id > $1::bigint ORDER BY id LIMIT $2) AS e
LEFT JOIN LATERAL (SELECT q.event_id FROM asset_dag_run_queue q WHERE q.event_id = e.id LIMIT 1) AS queued ON true
LEFT JOIN LATERAL (SELECT p.event_id FROM asset_partition_event p WHERE p.event_id = e.id LIMIT 1) AS sorted ON true
LEFT JOIN LATERAL (
    SELECT l.event_id
    FROM dag_run_asset_event l
    JOIN dag_run r ON r.id = l.dag_run_id
    WHERE l.event_id = e.id AND r.state IN ('queued', 'running')
    LIMIT 1
) AS used ON true
CROSS JOIN LATERAL (
    SELECT n.id FROM asset_event n WHERE n.asset_id = e.asset_id ORDER BY n.timestamp DESC LIMIT 1
) AS last
ORDER BY e.id
