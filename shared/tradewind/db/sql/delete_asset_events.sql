-- These asset events, unless a DAG has got them into its queue meanwhile; archived, if a moment is given.
-- By asset_event_pkey, asset_dag_run_queue_by_event.
WITH gone AS (
    DELETE FROM asset_event e
    WHERE e.id = ANY($1::bigint[])
        AND NOT EXISTS (SELECT FROM asset_dag_run_queue q WHERE q.event_id = e.id)
        AND NOT EXISTS (SELECT FROM asset_partition_event p WHERE p.event_id = e.id)
    RETURNING e.*
),
archived AS (
    INSERT INTO archived_row (archived_at, table_name, content)
    SELECT $2::timestamptz, 'asset_event', to_jsonb(gone) FROM gone WHERE $2::timestamptz IS NOT NULL
)
SELECT count(*) FROM gone
