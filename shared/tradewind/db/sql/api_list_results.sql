-- What these tasks of a run have returned, in the order of their mapped instances; xcom_pkey.
SELECT x.task_id, x.map_index, x.value
FROM xcom x
WHERE x.dag_run_id = $1 AND x.task_id = ANY ($2::text[]) AND x.key = 'return_value'
ORDER BY x.task_id, x.map_index
