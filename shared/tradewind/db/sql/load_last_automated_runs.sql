-- What the last scheduled or backfilled run of each DAG was about; one about a partition, the moment when it was due.
-- By dag_run_dag_id_logical_date_key and dag_run_partitioned.
SELECT
    d.dag_id, coalesce(l.data_interval_start, p.run_after) AS data_interval_start,
    coalesce(l.data_interval_end, p.run_after) AS data_interval_end
FROM unnest($1::text[]) AS d (dag_id)
LEFT JOIN LATERAL (
    SELECT r.data_interval_start, r.data_interval_end
    FROM dag_run r
    WHERE r.dag_id = d.dag_id AND r.run_type IN ('scheduled', 'backfill') AND r.logical_date IS NOT NULL
    ORDER BY r.logical_date DESC
    LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT r.run_after
    FROM dag_run r
    WHERE r.dag_id = d.dag_id AND r.run_type = 'scheduled' AND r.partition_key IS NOT NULL
    ORDER BY r.run_after DESC
    LIMIT 1
) AS p ON true
WHERE l.data_interval_start IS NOT NULL OR p.run_after IS NOT NULL
