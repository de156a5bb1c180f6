-- (Locked) runs that are about to be deleted, with what hangs on them but for logs. By dag_run_pkey, task_instance_pkey,
-- task_instance_history_pkey, xcom_pkey, task_state_store_pkey.
INSERT INTO archived_row (archived_at, table_name, content)
SELECT $2::timestamptz, 'dag_run', to_jsonb(r) FROM dag_run r WHERE r.id = ANY($1::bigint[])
UNION ALL
SELECT $2::timestamptz, 'task_instance', to_jsonb(t) FROM task_instance t WHERE t.dag_run_id = ANY($1::bigint[])
UNION ALL
SELECT $2::timestamptz, 'task_instance_history', to_jsonb(h)
FROM task_instance_history h WHERE h.dag_run_id = ANY($1::bigint[])
UNION ALL
SELECT $2::timestamptz, 'xcom', to_jsonb(x) FROM xcom x WHERE x.dag_run_id = ANY($1::bigint[])
UNION ALL
SELECT $2::timestamptz, 'task_state_store', to_jsonb(s) FROM task_state_store s WHERE s.dag_run_id = ANY($1::bigint[])
