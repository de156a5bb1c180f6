-- How many of a task's instances pushed an XCom under a key, for an attempt: no row if another attempt is current;
-- task_instance_attempt, dag_run_dag_id_run_id_key, xcom_pkey.
SELECT attempt.state, found.total
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT count(*) AS total
    FROM dag_run
    JOIN xcom ON xcom.dag_run_id = dag_run.id AND xcom.task_id = $4 AND xcom.key = $5
    WHERE dag_run.dag_id = $2 AND dag_run.run_id = $3
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
