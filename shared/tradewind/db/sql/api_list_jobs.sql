-- A page of the processes that keep a row while they live; scans of tables that hold one row per process. A number of
-- theirs is made of their id, but for triggerers, which have one.
-- sort id: job.id
-- sort dag_id: job.dag_id
-- sort state: job.state
-- sort job_type: job.job_type
-- sort start_date: job.start_date
-- sort end_date: job.end_date
-- sort latest_heartbeat: job.latest_heartbeat
-- sort executor_class: job.executor_class
-- sort hostname: job.hostname
-- sort unixname: job.unixname
-- filter job_state: job.state = $value::text
-- filter job_type: job.job_type = $value::text
-- filter hostname: job.hostname = $value::text
-- filter executor_class: job.executor_class = $value::text
-- filter is_alive: (job.state = 'running') = $value::boolean
-- filter start_date_gte: job.start_date >= $value::timestamptz
-- filter start_date_gt: job.start_date > $value::timestamptz
-- filter start_date_lte: job.start_date <= $value::timestamptz
-- filter start_date_lt: job.start_date < $value::timestamptz
-- filter end_date_gte: job.end_date >= $value::timestamptz
-- filter end_date_gt: job.end_date > $value::timestamptz
-- filter end_date_lte: job.end_date <= $value::timestamptz
-- filter end_date_lt: job.end_date < $value::timestamptz
SELECT
    job.id, job.dag_id, job.state, job.job_type, job.start_date, job.end_date, job.latest_heartbeat,
    job.executor_class, job.hostname, job.unixname
/* list */
FROM (
    SELECT
        coalesce(each.number, ('x' || left(md5(each.identity), 13))::bit(52)::bigint) AS id,
        NULL::text AS dag_id,
        CASE
            WHEN each.end_date IS NOT NULL THEN 'failed'
            WHEN c.tick - each.tick > c.lease_seconds THEN 'failed'
            -- Of those without a place on the lease clock, and where nobody is left to advance it.
            WHEN $now::timestamptz - each.latest_heartbeat
                > make_interval(secs => CASE WHEN each.tick IS NULL THEN 1 ELSE 6 END * c.lease_seconds) THEN 'failed'
            ELSE 'running'
        END AS state,
        each.job_type, each.start_date, each.end_date, each.latest_heartbeat, each.executor_class, each.hostname,
        NULL::text AS unixname
    FROM (
        SELECT
            NULL::bigint AS number, s.id::text AS identity, 'SchedulerJob' AS job_type, s.started_at AS start_date,
            s.expired_at AS end_date, s.renewed_at AS latest_heartbeat, s.renewed_at_tick AS tick,
            NULL::text AS executor_class, s.hostname
        FROM scheduler s
        UNION ALL
        SELECT
            t.number, t.id::text, 'TriggererJob', t.started_at, NULL, t.renewed_at, t.renewed_at_tick, NULL, t.hostname
        FROM triggerer t
        UNION ALL
        SELECT
            NULL, w.worker_id || w.incarnation, CASE w.kind WHEN 'single' THEN 'LocalTaskJob' ELSE 'WorkerJob' END,
            w.started_at, w.expired_at, w.renewed_at, w.renewed_at_tick,
            CASE w.kind
                WHEN 'celery' THEN 'CeleryExecutor'
                WHEN 'local' THEN 'LocalExecutor'
                WHEN 'sequential' THEN 'SequentialExecutor'
            END,
            w.hostname
        FROM worker w
        UNION ALL
        SELECT
            NULL, h.service || h.instance,
            CASE h.service WHEN 'dag_processor' THEN 'DagProcessorJob' ELSE initcap(h.service) || 'Job' END,
            h.started_at, NULL, h.renewed_at, NULL, NULL, h.hostname
        FROM service_heartbeat h
    ) AS each
    CROSS JOIN lease_clock c
) AS job
WHERE /* filters */
/* end */
ORDER BY /* sort */ job.id /* end */
LIMIT $limit OFFSET $offset
