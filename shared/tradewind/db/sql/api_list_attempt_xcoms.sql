-- The XComs that a task's instances pushed under a key, in the order of their map indexes, from a place on and so many
-- at most, for an attempt: no row if another attempt is current, a null if there are none. $6: of the run so named or,
-- failing that, of the latest one of an earlier logical date that has any; task_instance_attempt,
-- dag_run_dag_id_run_id_key, dag_run_dag_id_logical_date_key, xcom_pkey.
SELECT attempt.state, found.xcoms
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT array_agg(chosen.value ORDER BY chosen.map_index) AS xcoms
    FROM (
        SELECT xcom.value, xcom.map_index
        FROM (
            SELECT dag_run.id
            FROM dag_run AS named
            JOIN dag_run
                ON dag_run.id = named.id
                OR ($6::boolean AND dag_run.dag_id = named.dag_id AND dag_run.logical_date < named.logical_date)
            WHERE named.dag_id = $2 AND named.run_id = $3
                AND EXISTS (
                    SELECT FROM xcom WHERE xcom.dag_run_id = dag_run.id AND xcom.task_id = $4 AND xcom.key = $5
                )
            ORDER BY dag_run.id = named.id DESC, dag_run.logical_date DESC
            LIMIT 1
        ) AS run
        JOIN xcom ON xcom.dag_run_id = run.id AND xcom.task_id = $4 AND xcom.key = $5
        ORDER BY xcom.map_index
        OFFSET $7::bigint
        LIMIT $8::bigint
    ) AS chosen
) AS found ON attempt.state IN ('running', 'deferred', 'success')
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
