-- A run as the core sees it, what it waits for to be started (a run of a backfill has the backfill's limit and order),
-- and who decides for it. Who was silent for six leases is dead even if nobody is left to say so.
-- By dag_run_dag_id_run_id_key, dag_run_queued, dag_run_running_by_dag, dag_run_by_backfill and primary keys.
SELECT
    r.*, coalesce(d.is_paused, false) AS dag_is_paused, coalesce(d.is_stale, true) AS dag_is_stale,
    coalesce(b.max_active_runs, d.max_active_runs, 0) AS max_active_runs,
    (b.is_paused AND b.completed_at IS NULL) IS TRUE AS backfill_is_paused,
    v.id AS version_id, v.structure_digest AS version_digest,
    (
        SELECT count(*)
        FROM dag_run o
        WHERE r.backfill_id IS NULL AND o.dag_id = r.dag_id AND o.state = 'running' AND o.backfill_id IS NULL
    )::integer + (
        SELECT count(*) FROM dag_run o WHERE o.backfill_id = r.backfill_id AND o.state = 'running'
    )::integer AS active_runs,
    (
        SELECT count(*)
        FROM dag_run o
        WHERE r.backfill_id IS NULL AND r.state = 'queued' AND o.dag_id = r.dag_id AND o.state = 'queued'
            AND o.backfill_id IS NULL AND (o.run_after, o.id) < (r.run_after, r.id)
    )::integer + (
        SELECT count(*)
        FROM dag_run o
        JOIN backfill_dag_run x ON x.backfill_id = r.backfill_id AND x.dag_run_id = o.id
        JOIN backfill_dag_run own ON own.backfill_id = r.backfill_id AND own.dag_run_id = r.id
        WHERE r.state = 'queued' AND o.backfill_id = r.backfill_id AND o.state = 'queued'
            AND x.sort_ordinal < own.sort_ordinal
    )::integer AS queued_before,
    extract(epoch FROM $3::timestamptz - s.renewed_at)::float8 AS owner_age_seconds,
    (
        s.expired_at IS NULL
        AND c.tick - s.renewed_at_tick <= c.lease_seconds
        AND $3::timestamptz - s.renewed_at <= make_interval(secs => 6 * c.lease_seconds)
    ) IS TRUE AS owner_is_alive,
    (
        SELECT count(*)
        FROM scheduler a
        WHERE a.expired_at IS NULL
            AND c.tick - a.renewed_at_tick <= c.lease_seconds
            AND $3::timestamptz - a.renewed_at <= make_interval(secs => 6 * c.lease_seconds)
    )::integer AS alive_schedulers
FROM dag_run r
JOIN dag_version v ON v.id = r.dag_version_id
CROSS JOIN lease_clock c
LEFT JOIN dag d ON d.dag_id = r.dag_id
LEFT JOIN backfill b ON b.id = r.backfill_id
LEFT JOIN scheduler s ON s.id = r.owner
WHERE r.dag_id = $1 AND r.run_id = $2
