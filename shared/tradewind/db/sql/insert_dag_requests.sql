-- What authors' code is to be asked; the question for a DAG's next run begins anew. By dag_request_next_run.
INSERT INTO dag_request (dag_id, kind, dag_run_id, reason, created_at)
SELECT w.dag_id, w.kind, w.dag_run_id, w.reason, $1::timestamptz
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS w (dag_id, kind, dag_run_id, reason)
ORDER BY w.dag_id
ON CONFLICT (dag_id) WHERE kind = 'next_run' DO UPDATE
SET generation = dag_request.generation + 1, attempts = 0, leased_until = '-infinity', created_at = excluded.created_at
