-- DAGs that events have waited for since before $1 without anybody looking at them, that may have one more run: what no
-- message told of. asset_dag_run_queue_unseen, dag_run_queued, dag_run_running_by_dag.
SELECT d.dag_id
FROM dag d
WHERE NOT d.is_paused AND NOT d.is_stale AND NOT d.has_import_errors
    AND d.dag_id > $2::text
    AND d.dag_id IN (
        SELECT q.dag_id FROM asset_dag_run_queue q WHERE NOT q.is_seen AND q.created_at < $1::timestamptz
    )
    AND (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'queued')
        + (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'running') < d.max_active_runs
ORDER BY d.dag_id
LIMIT $3::integer
