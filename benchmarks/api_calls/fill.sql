-- A history of some $1 runs for the DAGs that are there: the first has 5,000, the next fifty 500 each, the others share
-- what is left. Each run has all ten tasks, most of which have succeeded.
WITH numbered AS (
    SELECT d.dag_id, d.dag_version_id, row_number() OVER (ORDER BY d.dag_id) - 1 AS place, count(*) OVER () AS dags
    FROM dag d
),
planned AS (
    SELECT
        n.dag_id,
        n.dag_version_id,
        CASE WHEN n.place = 0 THEN 5000 WHEN n.place <= 50 THEN 500
            ELSE ceil(($1 - 30000) / greatest(n.dags - 51, 1)::numeric)::integer END AS runs
    FROM numbered n
),
runs AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date, run_after, queued_at,
        start_date, end_date, conf, dag_version_id
    )
    SELECT
        p.dag_id,
        'scheduled__' || to_char(at.at, 'YYYY-MM-DD"T"HH24:MI:SS'),
        CASE WHEN hashtext(p.dag_id || at.at) % 33 = 0 THEN 'failed' ELSE 'success' END,
        CASE WHEN hashtext(p.dag_id || at.at) % 7 = 0 THEN 'manual' ELSE 'scheduled' END,
        'timetable',
        'ada',
        at.at,
        at.at,
        at.at,
        at.at + interval '1 second',
        at.at + interval '90 seconds',
        '{"size": 3}',
        p.dag_version_id
    FROM planned p
    CROSS JOIN LATERAL generate_series(1, p.runs) AS step
    CROSS JOIN LATERAL (
        SELECT timestamptz '2026-11-20 00:00:00+00' - step * interval '1 hour'
            - (abs(hashtext(p.dag_id)) % 3600) * interval '1 second' AS at
    ) AS at
    RETURNING id, dag_id, state, start_date
)
INSERT INTO task_instance (
    dag_run_id, task_id, state, try_number, max_tries, attempt_id, scheduled_at, queued_at, published_at, publish_count,
    start_date, code_started_at, end_date, recorded_at, worker_id, hostname, pid, pool, pool_slots, queue,
    priority_weight, operator
)
SELECT
    r.id,
    't' || task,
    CASE WHEN r.state = 'success' OR task < 5 THEN 'success' WHEN task = 5 THEN 'failed' ELSE 'upstream_failed' END,
    1,
    0,
    gen_random_uuid(),
    r.start_date + task * interval '8 seconds',
    r.start_date + task * interval '8 seconds',
    r.start_date + task * interval '8 seconds',
    1,
    r.start_date + task * interval '8 seconds',
    r.start_date + task * interval '8 seconds',
    r.start_date + task * interval '8 seconds' + interval '7 seconds',
    r.start_date + task * interval '8 seconds' + interval '7 seconds',
    'worker-1',
    'host',
    4711,
    'default_pool',
    1,
    'default',
    1,
    'PythonOperator'
FROM runs r
CROSS JOIN generate_series(0, 9) AS task
