-- Which assets have events in a (locked) DAG's queue, when the last one came, and how many runs the DAG has at work.
-- By asset_dag_run_queue_pkey, dag_run_queued and dag_run_running_by_dag.
SELECT
    a.name, a.uri, q.queued_at,
    (SELECT count(*) FROM dag_run r WHERE r.dag_id = $1::text AND r.state = 'queued')
        + (SELECT count(*) FROM dag_run r WHERE r.dag_id = $1::text AND r.state = 'running') AS active_runs
FROM (
    SELECT w.asset_id, max(w.created_at) AS queued_at FROM asset_dag_run_queue w WHERE w.dag_id = $1::text
    GROUP BY w.asset_id
) AS q
JOIN asset a ON a.id = q.asset_id
ORDER BY a.name, a.uri
