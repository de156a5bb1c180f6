-- The same history in Airflow's tables, copied from the one DAG that it has parsed: $1 DAGs with some $2 runs.
CREATE TEMPORARY TABLE made AS
SELECT
    'dag_' || lpad(place::text, 5, '0') AS dag_id,
    gen_random_uuid() AS version_id,
    place,
    CASE WHEN place = 0 THEN 5000 WHEN place <= 50 THEN 500
        ELSE ceil(($2 - 30000) / greatest($1 - 51, 1)::numeric)::integer END AS runs
FROM generate_series(0, $1 - 1) AS place;

UPDATE made SET version_id = v.id FROM dag_version v WHERE v.dag_id = made.dag_id;

INSERT INTO dag
SELECT copy.*
FROM made
CROSS JOIN dag AS original
CROSS JOIN LATERAL jsonb_populate_record(original, jsonb_build_object('dag_id', made.dag_id)) AS copy
WHERE made.place > 0;

INSERT INTO dag_version
SELECT copy.*
FROM made
CROSS JOIN dag_version AS original
CROSS JOIN LATERAL jsonb_populate_record(
    original, jsonb_build_object('dag_id', made.dag_id, 'id', made.version_id)
) AS copy
WHERE made.place > 0;

INSERT INTO serialized_dag
SELECT copy.*
FROM made
CROSS JOIN serialized_dag AS original
CROSS JOIN LATERAL jsonb_populate_record(original, jsonb_build_object(
    'id', gen_random_uuid(), 'dag_id', made.dag_id, 'dag_version_id', made.version_id, 'dag_hash', md5(made.dag_id),
    'data', replace(original.data::text, original.dag_id, made.dag_id)::jsonb
)) AS copy
WHERE made.place > 0;

INSERT INTO dag_tag SELECT 'team' || place % 10, dag_id FROM made WHERE place > 0;

UPDATE dag SET is_paused = true;

INSERT INTO dag_run (
    dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date, run_after, queued_at, start_date,
    end_date, conf, created_dag_version_id, created_at, updated_at, log_template_id
)
SELECT
    m.dag_id,
    'scheduled__' || to_char(at.at, 'YYYY-MM-DD"T"HH24:MI:SS'),
    CASE WHEN hashtext(m.dag_id || at.at) % 33 = 0 THEN 'failed' ELSE 'success' END,
    CASE WHEN hashtext(m.dag_id || at.at) % 7 = 0 THEN 'manual' ELSE 'scheduled' END,
    'TIMETABLE',
    'ada',
    at.at,
    at.at,
    at.at,
    at.at + interval '1 second',
    at.at + interval '90 seconds',
    '{"size": 3}',
    m.version_id,
    at.at,
    at.at + interval '90 seconds',
    (SELECT max(id) FROM log_template)
FROM made m
CROSS JOIN LATERAL generate_series(1, m.runs) AS step
CROSS JOIN LATERAL (
    SELECT timestamptz '2026-11-20 00:00:00+00' - step * interval '1 hour'
        - (abs(hashtext(m.dag_id)) % 3600) * interval '1 second' AS at
) AS at;

INSERT INTO task_instance (
    id, task_id, dag_id, run_id, start_date, end_date, duration, state, try_number, max_tries, hostname, unixname, pool,
    pool_slots, queue, priority_weight, operator, queued_dttm, scheduled_dttm, pid, updated_at, dag_version_id
)
SELECT
    gen_random_uuid(),
    't' || task,
    r.dag_id,
    r.run_id,
    r.start_date + task * interval '8 seconds',
    r.start_date + task * interval '8 seconds' + interval '7 seconds',
    7.0,
    CASE WHEN r.state = 'success' OR task < 5 THEN 'success' WHEN task = 5 THEN 'failed' ELSE 'upstream_failed' END,
    1,
    0,
    'host',
    'airflow',
    'default_pool',
    1,
    'default',
    1,
    'PythonOperator',
    r.start_date,
    r.start_date,
    4711,
    r.start_date,
    r.created_dag_version_id
FROM dag_run r
CROSS JOIN generate_series(0, 9) AS task;

VACUUM ANALYZE;
