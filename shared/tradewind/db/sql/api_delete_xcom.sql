-- Removes an XCom, by its names; no row if there is none; dag_run_dag_id_run_id_key, xcom_pkey.
DELETE FROM xcom
USING dag_run AS r
WHERE r.dag_id = $1 AND r.run_id = $2
    AND xcom.dag_run_id = r.id AND xcom.task_id = $3 AND xcom.map_index = $4 AND xcom.key = $5
RETURNING xcom.key
