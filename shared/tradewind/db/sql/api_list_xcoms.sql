-- A page of XComs, for people: of one task instance or run by xcom_pkey, of all by a scan.
-- sort key: xcom.key
-- sort dag_id: dag_run.dag_id
-- sort run_id: dag_run.run_id
-- sort task_id: xcom.task_id
-- sort map_index: xcom.map_index
-- sort timestamp: xcom.created_at
-- sort run_after: dag_run.run_after
-- filter visible_dag_ids: dag_run.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: dag_run.dag_id ~ $value::text
-- filter dag_id: dag_run.dag_id = $value::text
-- filter run_id: dag_run.run_id = $value::text
-- filter task_id: xcom.task_id = $value::text
-- filter xcom_key: xcom.key = $value::text
-- filter map_index: xcom.map_index = $value::integer
-- filter map_index_filter: xcom.map_index = $value::integer
-- filter xcom_key_pattern: xcom.key ILIKE ANY ($value::text[])
-- filter xcom_key_prefix_pattern: xcom.key ^@ ANY ($value::text[])
-- filter dag_display_name_pattern: coalesce(dag.dag_display_name, dag_run.dag_id) ILIKE ANY ($value::text[])
-- filter dag_display_name_prefix_pattern: coalesce(dag.dag_display_name, dag_run.dag_id) ^@ ANY ($value::text[])
-- filter run_id_pattern: dag_run.run_id ILIKE ANY ($value::text[])
-- filter run_id_prefix_pattern: dag_run.run_id ^@ ANY ($value::text[])
-- filter task_id_pattern: xcom.task_id ILIKE ANY ($value::text[])
-- filter task_id_prefix_pattern: xcom.task_id ^@ ANY ($value::text[])
-- filter logical_date_gte: dag_run.logical_date >= $value::timestamptz
-- filter logical_date_gt: dag_run.logical_date > $value::timestamptz
-- filter logical_date_lte: dag_run.logical_date <= $value::timestamptz
-- filter logical_date_lt: dag_run.logical_date < $value::timestamptz
-- filter run_after_gte: dag_run.run_after >= $value::timestamptz
-- filter run_after_gt: dag_run.run_after > $value::timestamptz
-- filter run_after_lte: dag_run.run_after <= $value::timestamptz
-- filter run_after_lt: dag_run.run_after < $value::timestamptz
WITH matching AS (
    SELECT
        xcom.dag_run_id, xcom.task_id, xcom.map_index, xcom.key,
        row_number() OVER (ORDER BY /* sort */ xcom.dag_run_id, xcom.task_id, xcom.map_index, xcom.key /* end */) AS place
    /* list */
    FROM xcom
    JOIN dag_run ON dag_run.id = xcom.dag_run_id
    LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ xcom.dag_run_id, xcom.task_id, xcom.map_index, xcom.key /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, matching.key, xcom.created_at AS timestamp, dag_run.logical_date,
    matching.map_index, matching.task_id, dag_run.dag_id, dag_run.run_id, dag_run.run_after,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name,
    coalesce(ti.task_display_name, matching.task_id) AS task_display_name
FROM matching
LEFT JOIN xcom
    ON xcom.dag_run_id = matching.dag_run_id AND xcom.task_id = matching.task_id
    AND xcom.map_index = matching.map_index AND xcom.key = matching.key
LEFT JOIN dag_run ON dag_run.id = matching.dag_run_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = matching.dag_run_id AND ti.task_id = matching.task_id AND ti.map_index = matching.map_index
ORDER BY matching.place
