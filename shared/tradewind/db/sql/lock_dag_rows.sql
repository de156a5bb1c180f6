-- DAGs before their runs: the order in which everybody locks. By primary key.
SELECT d.dag_id FROM dag d WHERE d.dag_id = ANY($1::text[]) ORDER BY d.dag_id FOR NO KEY UPDATE OF d
