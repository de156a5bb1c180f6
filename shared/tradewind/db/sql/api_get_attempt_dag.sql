-- What is known of a DAG, for an attempt: no row if another attempt is current, nulls if there is no such DAG;
-- task_instance_attempt, dag_pkey.
SELECT
    attempt.state, dag.dag_id, dag.is_paused, dag.relative_fileloc, dag.owners, dag.tags,
    dag.next_dagrun_logical_date AS next_dagrun, dag.bundle_name, dag.bundle_version
FROM task_instance AS attempt
LEFT JOIN dag ON dag.dag_id = $2 AND NOT dag.is_stale AND attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
