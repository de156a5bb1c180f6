-- How many runs of a DAG there are, for an attempt: no row if another attempt is current. Filters that are null admit
-- everything; task_instance_attempt, dag_run_dag_id_run_id_key.
SELECT attempt.state, found.total
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT count(*) AS total
    FROM dag_run
    WHERE dag_run.dag_id = $2
        AND ($3::timestamptz[] IS NULL OR dag_run.logical_date = ANY ($3))
        AND ($4::text[] IS NULL OR dag_run.run_id = ANY ($4))
        AND ($5::text[] IS NULL OR dag_run.state = ANY ($5))
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
