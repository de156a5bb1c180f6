-- Runs made by time: each DAG's next run is compared and set, its runs are inserted; a run that is there already (made
-- by hand for the same date) is passed over. DAG rows locked in key order, by primary key.
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest($2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
        AS w (dag_id, dag_version_id, expected, next_run_after, next_start, next_end)
),
locked AS MATERIALIZED (
    SELECT d.dag_id, d.dag_version_id
    FROM wanted w
    JOIN dag d ON d.dag_id = w.dag_id
    WHERE d.next_dagrun_run_after = w.expected AND d.dag_version_id = w.dag_version_id
        AND NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
    ORDER BY d.dag_id
    FOR NO KEY UPDATE OF d
),
moved AS (
    UPDATE dag d
    SET
        next_dagrun_run_after = w.next_run_after,
        next_dagrun_logical_date = w.next_start,
        next_dagrun_data_interval_start = w.next_start,
        next_dagrun_data_interval_end = w.next_end
    FROM locked l
    JOIN wanted w ON w.dag_id = l.dag_id
    WHERE d.dag_id = l.dag_id
    RETURNING d.dag_id
),
inserted AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, logical_date, data_interval_start, data_interval_end, run_after,
        queued_at, dag_version_id, partition_key, partition_date, bundle_version
    )
    SELECT
        r.dag_id, r.run_id, 'queued', 'scheduled', 'timetable', r.interval_start, r.interval_start, r.interval_end,
        r.run_after, $1::timestamptz, l.dag_version_id, r.partition_key, r.partition_date,
        (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = l.dag_id AND NOT d.disable_bundle_versioning
        )
    FROM unnest(
        $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[],
        $14::timestamptz[]
    ) AS r (dag_id, run_id, run_after, interval_start, interval_end, partition_key, partition_date)
    JOIN locked l ON l.dag_id = r.dag_id
    ORDER BY r.dag_id, r.run_after
    ON CONFLICT DO NOTHING
    RETURNING dag_id, run_id
)
SELECT m.dag_id, i.run_id
FROM moved m
LEFT JOIN inserted i ON i.dag_id = m.dag_id
ORDER BY m.dag_id, i.run_id
