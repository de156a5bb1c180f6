-- An XCom by its names, for an attempt: no row if another attempt is current, a null value if there is no such XCom.
-- $7: of the run so named or, failing that, of the latest one of an earlier logical date; task_instance_attempt,
-- dag_run_dag_id_run_id_key, dag_run_dag_id_logical_date_key, xcom_pkey.
SELECT attempt.state, found.value
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT xcom.value
    FROM dag_run AS named
    JOIN dag_run
        ON dag_run.id = named.id
        OR ($7::boolean AND dag_run.dag_id = named.dag_id AND dag_run.logical_date < named.logical_date)
    JOIN xcom
        ON xcom.dag_run_id = dag_run.id AND xcom.task_id = $4 AND xcom.map_index = $5::integer AND xcom.key = $6
    WHERE named.dag_id = $2 AND named.run_id = $3
    ORDER BY dag_run.id = named.id DESC, dag_run.logical_date DESC
    LIMIT 1
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
