-- queued -> running for a batch of claims, in one round trip: locks workers, then task instances, in key order. The
-- identical (attempt, incarnation, nonce) gets its grant again. Each attempt at most once a call. By primary keys.
WITH asked AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::text[], $3::text[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::uuid[], $9::bigint[]
    ) AS a (dag_id, run_id, task_id, map_index, attempt_id, worker_id, incarnation, nonce)
),
alive AS MATERIALIZED (
    SELECT w.worker_id, w.incarnation
    FROM (SELECT DISTINCT worker_id, incarnation FROM asked) a
    JOIN worker w ON w.worker_id = a.worker_id AND w.incarnation = a.incarnation
    WHERE w.expired_at IS NULL
    ORDER BY w.worker_id, w.incarnation
    FOR SHARE OF w
),
named AS MATERIALIZED (
    SELECT a.*, r.id AS dag_run_id
    FROM asked a
    JOIN alive w ON w.worker_id = a.worker_id AND w.incarnation = a.incarnation
    JOIN dag_run r ON r.dag_id = a.dag_id AND r.run_id = a.run_id
),
locked AS MATERIALIZED (
    SELECT
        n.*,
        t.try_number,
        t.max_tries,
        t.start_date,
        t.first_start_date,
        t.task_reschedule_count,
        t.next_method,
        t.next_kwargs,
        t.state = 'queued' AS is_new,
        t.attempt_id IS NOT DISTINCT FROM n.attempt_id AND (
            t.state = 'queued'
            OR (t.state = 'running' AND t.worker_id = n.worker_id AND t.incarnation = n.incarnation AND t.nonce = n.nonce)
        ) AS is_granted
    FROM named n
    JOIN task_instance t
        ON t.dag_run_id = n.dag_run_id AND t.task_id = n.task_id AND t.map_index = n.map_index
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
),
started AS (
    UPDATE task_instance t
    SET
        state = 'running',
        start_date = $1::timestamptz,
        first_start_date = coalesce(t.first_start_date, $1::timestamptz),
        worker_id = l.worker_id,
        incarnation = l.incarnation,
        nonce = l.nonce,
        missing_beats = 0,
        claimed_at_tick = c.tick
    FROM locked l
    CROSS JOIN lease_clock c
    WHERE l.is_granted AND l.is_new
        AND t.dag_run_id = l.dag_run_id AND t.task_id = l.task_id AND t.map_index = l.map_index
),
forgotten AS (
    DELETE FROM xcom x
    USING locked l
    WHERE l.is_granted AND l.is_new AND l.next_method IS NULL
        AND x.dag_run_id = l.dag_run_id AND x.task_id = l.task_id AND x.map_index = l.map_index
)
SELECT
    w.alive,
    g.*
FROM (SELECT array_agg(incarnation) AS alive FROM alive) AS w
LEFT JOIN (
    SELECT
        l.attempt_id,
        l.try_number,
        l.max_tries,
        CASE WHEN l.is_new THEN $1::timestamptz ELSE l.start_date END AS start_date,
        coalesce(l.first_start_date, $1::timestamptz) AS first_start_date,
        l.task_reschedule_count,
        l.next_method,
        l.next_kwargs,
        v.relative_fileloc,
        v.file_digest,
        r.run_type,
        r.logical_date,
        r.data_interval_start,
        r.data_interval_end,
        r.run_after,
        r.start_date AS dag_run_start_date,
        r.queued_at AS dag_run_queued_at,
        r.triggered_by,
        r.triggering_user_name,
        r.partition_key,
        r.partition_date,
        r.conf::text AS conf,
        v.bundle_name,
        r.bundle_version,
        CASE
            WHEN r.bundle_version IS NOT NULL THEN (
                SELECT b.digest
                FROM dag_bundle_version b
                WHERE b.bundle_name = v.bundle_name AND b.version = r.bundle_version
            )
            ELSE (
                SELECT b.digest
                FROM dag d
                JOIN dag_bundle n ON n.name = d.bundle_name
                JOIN dag_bundle_version b ON b.bundle_name = n.name AND b.version = coalesce(d.bundle_version, n.version)
                WHERE d.dag_id = l.dag_id AND d.bundle_name = v.bundle_name
            )
        END AS bundle_digest
    FROM locked l
    JOIN dag_run r ON r.id = l.dag_run_id
    JOIN dag_version v ON v.id = r.dag_version_id
    WHERE l.is_granted
) AS g ON true
