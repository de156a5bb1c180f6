-- One XCom with its value, by its names; dag_run_dag_id_run_id_key, xcom_pkey.
SELECT
    xcom.key, xcom.value, xcom.created_at AS timestamp, dag_run.logical_date, xcom.map_index, xcom.task_id,
    dag_run.dag_id, dag_run.run_id, dag_run.run_after,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name,
    coalesce(ti.task_display_name, xcom.task_id) AS task_display_name
FROM dag_run
JOIN xcom ON xcom.dag_run_id = dag_run.id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = xcom.dag_run_id AND ti.task_id = xcom.task_id AND ti.map_index = xcom.map_index
WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2 AND xcom.task_id = $3 AND xcom.map_index = $4 AND xcom.key = $5
