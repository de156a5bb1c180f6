-- Runs of a (locked) DAG for partitions that are complete, linked to the events that count for them. By primary keys.
WITH given AS MATERIALIZED (
    SELECT g.* FROM unnest($4::bigint[], $5::text[], $6::text[], $7::timestamptz[]) AS g (
        partition_id, partition_key, run_id, partition_date
    )
),
made AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, run_after, queued_at, dag_version_id, partition_key,
        partition_date, bundle_version
    )
    SELECT
        $1::text, g.run_id, 'queued', 'asset_triggered', 'asset', $2::timestamptz, $2::timestamptz, $3::uuid,
        g.partition_key, g.partition_date,
        (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = $1::text AND NOT d.disable_bundle_versioning
        )
    FROM given g
    ORDER BY g.partition_id
    RETURNING id, run_id
),
complete AS (
    DELETE FROM asset_partition p USING given g WHERE p.id = g.partition_id
)
INSERT INTO dag_run_asset_event (dag_run_id, event_id)
SELECT m.id, l.event_id
FROM made m
JOIN given g ON g.run_id = m.run_id
JOIN asset_partition_event l ON l.partition_id = g.partition_id
