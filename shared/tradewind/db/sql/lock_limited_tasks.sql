-- Until the transaction ends nobody else queues instances of these tasks, whose limits span all runs of their DAGs.
-- Advisory, for there is no row that stands for a task; taken in key order. 0x7461736b: our locks on tasks.
SELECT pg_advisory_xact_lock(1952543595, hashtext(w.dag_id || '/' || w.task_id))
FROM (
    SELECT dag_id, task_id FROM unnest($1::text[], $2::text[]) AS given (dag_id, task_id) ORDER BY dag_id, task_id
) AS w
