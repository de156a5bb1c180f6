-- A page ($5, $6) of what a task instance ($1 to $4) keeps, by key, each row with the number of all; one row of nulls if
-- the page is empty; dag_run_dag_id_run_id_key, task_state_store_pkey.
WITH kept AS (
    SELECT s.key, s.value, s.updated_at, s.expires_at
    FROM dag_run AS r
    JOIN task_state_store AS s ON s.dag_run_id = r.id AND s.task_id = $3 AND s.map_index = $4
    WHERE r.dag_id = $1 AND r.run_id = $2
)
SELECT total.total_entries, page.key, page.value, page.updated_at, page.expires_at
FROM (SELECT count(*) AS total_entries FROM kept) AS total
LEFT JOIN LATERAL (SELECT * FROM kept ORDER BY key LIMIT $5 OFFSET $6) AS page ON true
ORDER BY page.key
