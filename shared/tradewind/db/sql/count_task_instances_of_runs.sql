-- How many task instances each of these runs has, in the order of the runs. By task_instance_pkey.
SELECT r.id, (SELECT count(*) FROM task_instance t WHERE t.dag_run_id = r.id) AS size
FROM unnest($1::bigint[]) AS r (id)
ORDER BY r.id
