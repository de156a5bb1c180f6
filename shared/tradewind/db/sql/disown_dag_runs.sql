-- Running runs of these schedulers lose their owner. By dag_run_running, rows locked in key order.
WITH owned AS MATERIALIZED (
    SELECT r.id
    FROM dag_run r
    WHERE r.owner = ANY($1::uuid[]) AND r.state = 'running'
    ORDER BY r.id
    FOR NO KEY UPDATE
)
UPDATE dag_run r SET owner = NULL FROM owned o WHERE r.id = o.id
