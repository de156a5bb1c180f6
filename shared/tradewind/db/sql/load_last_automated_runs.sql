-- What the last scheduled or backfilled run of each DAG was about. By dag_run_dag_id_logical_date_key.
SELECT d.dag_id, l.data_interval_start, l.data_interval_end
FROM unnest($1::text[]) AS d (dag_id)
CROSS JOIN LATERAL (
    SELECT r.data_interval_start, r.data_interval_end
    FROM dag_run r
    WHERE r.dag_id = d.dag_id AND r.run_type IN ('scheduled', 'backfill') AND r.logical_date IS NOT NULL
    ORDER BY r.logical_date DESC
    LIMIT 1
) AS l
