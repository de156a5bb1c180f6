-- What a person makes of (locked) runs; a raised revision refuses what their owners decided before. By dag_run_pkey.
UPDATE dag_run r
SET
    revision = r.revision + 1,
    state = coalesce(w.state, r.state),
    dag_version_id = coalesce(w.dag_version_id, r.dag_version_id),
    bundle_version = CASE
        WHEN w.takes_latest_bundle THEN (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = r.dag_id AND NOT d.disable_bundle_versioning
        )
        ELSE r.bundle_version
    END,
    clear_number = r.clear_number + CASE WHEN w.counts_as_clear THEN 1 ELSE 0 END,
    queued_at = CASE WHEN w.counts_as_clear OR w.state = 'queued' THEN $1::timestamptz ELSE r.queued_at END,
    start_date = CASE WHEN w.state = 'queued' THEN NULL ELSE r.start_date END,
    end_date = CASE
        WHEN w.state = 'queued' THEN NULL
        WHEN w.state IS NOT NULL THEN $1::timestamptz
        ELSE r.end_date
    END,
    timeout_at = CASE WHEN w.state = 'queued' THEN NULL ELSE r.timeout_at END,
    deadlines_set_at = CASE WHEN w.state = 'queued' THEN NULL ELSE r.deadlines_set_at END,
    last_scheduling_decision = CASE WHEN w.state = 'queued' THEN NULL ELSE r.last_scheduling_decision END
FROM unnest($2::bigint[], $3::text[], $4::uuid[], $5::boolean[], $6::boolean[])
    AS w (id, state, dag_version_id, counts_as_clear, takes_latest_bundle)
WHERE r.id = w.id
