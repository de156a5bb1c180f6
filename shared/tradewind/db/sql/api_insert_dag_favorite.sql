-- A person ($1) marks a DAG ($2): whether there is such a DAG; dag_pkey, dag_favorite_pkey.
WITH meant AS (
    SELECT dag_id FROM dag WHERE dag_id = $2
), marked AS (
    INSERT INTO dag_favorite (username, dag_id) SELECT $1, dag_id FROM meant ON CONFLICT DO NOTHING
)
SELECT EXISTS (SELECT FROM meant) AS has_dag
