-- A backfill's runs, in its order: new ones queued, those to be processed again taken over, dates without one noted.
-- By primary keys and dag_run_dag_id_logical_date_key.
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $6::integer[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bigint[], $12::text[],
        $13::text[], $14::timestamptz[]
    ) AS w (
        sort_ordinal, run_id, logical_date, interval_end, run_after, taken_over, exception_reason, partition_key,
        partition_date
    )
),
created AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date, data_interval_start,
        data_interval_end, run_after, queued_at, conf, dag_version_id, backfill_id,
        partition_key, partition_date, bundle_version
    )
    SELECT
        $2::text, w.run_id, 'queued', 'backfill', 'backfill', $5::text, w.logical_date, w.logical_date, w.interval_end,
        w.run_after, $1::timestamptz, coalesce($4::json, '{}'), d.dag_version_id, $3::bigint,
        w.partition_key, w.partition_date,
        CASE WHEN NOT d.disable_bundle_versioning THEN nullif(coalesce(d.bundle_version, b.version), '') END
    FROM wanted w
    JOIN dag d ON d.dag_id = $2::text
    LEFT JOIN dag_bundle b ON b.name = d.bundle_name
    WHERE w.taken_over IS NULL AND w.exception_reason IS NULL
    ORDER BY w.sort_ordinal
    ON CONFLICT DO NOTHING
    RETURNING id, run_id
),
taken AS (
    UPDATE dag_run r
    SET
        backfill_id = $3::bigint, run_type = 'backfill', triggered_by = 'backfill',
        conf = CASE WHEN $4::json IS NULL THEN r.conf ELSE $4::json END
    FROM wanted w
    WHERE r.id = w.taken_over
    RETURNING r.id
)
INSERT INTO backfill_dag_run (
    backfill_id, sort_ordinal, logical_date, partition_key, dag_run_id, exception_reason
)
SELECT
    $3::bigint, w.sort_ordinal, w.logical_date, w.partition_key, coalesce(c.id, t.id),
    CASE WHEN c.id IS NULL AND t.id IS NULL THEN coalesce(w.exception_reason, 'in flight') END
FROM wanted w
LEFT JOIN created c ON c.run_id = w.run_id
LEFT JOIN taken t ON t.id = w.taken_over
