-- XComs of these runs, of those that are over. By xcom_pkey, dag_run_pkey.
SELECT count(*)
FROM dag_run r
JOIN xcom x ON x.dag_run_id = r.id
WHERE r.id = ANY($1::bigint[]) AND r.state IN ('success', 'failed')
