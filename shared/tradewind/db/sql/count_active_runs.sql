-- Runs that a (locked) DAG has at work, backfills included; dag_run_queued and dag_run_running_by_dag.
SELECT
    (SELECT count(*) FROM dag_run r WHERE r.dag_id = $1::text AND r.state = 'queued')
    + (SELECT count(*) FROM dag_run r WHERE r.dag_id = $1::text AND r.state = 'running') AS active_runs
