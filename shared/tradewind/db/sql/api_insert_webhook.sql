-- A webhook for a DAG that there is; is_written false: there is one of that name; no row: there is no such DAG.
-- dag_pkey, webhook_pkey.
WITH target AS (
    SELECT dag_id FROM dag WHERE dag_id = $2 AND NOT is_stale
),
inserted AS (
    INSERT INTO webhook (name, dag_id, description, format, conf_map, events, secret, created_by, created_at)
    SELECT $1, dag_id, $3, $4, $5::json, $6::text[], $7::bytea, $8, $9::timestamptz FROM target
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
SELECT EXISTS (SELECT FROM inserted) AS is_written FROM target
