-- A person ($1) marks a DAG ($2) no more: whether there is such a DAG, and whether it was marked; dag_favorite_pkey,
-- dag_pkey.
WITH forgotten AS (
    DELETE FROM dag_favorite WHERE username = $1 AND dag_id = $2 RETURNING dag_id
)
SELECT
    EXISTS (SELECT FROM dag WHERE dag_id = $2) AS has_dag, EXISTS (SELECT FROM forgotten) AS was_favorite
