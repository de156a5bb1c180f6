-- A page of XComs, for people: of one task instance or run by xcom_pkey, of all by a scan.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort key: xcom.key
-- sort dag_id: dag_run.dag_id
-- sort run_id: dag_run.run_id
-- sort task_id: xcom.task_id
-- sort map_index: xcom.map_index
-- sort timestamp: xcom.created_at
-- sort run_after: dag_run.run_after
WITH matching AS (
    SELECT
        xcom.dag_run_id, xcom.task_id, xcom.map_index, xcom.key,
        row_number() OVER (ORDER BY /* sort */ xcom.key /* end */) AS place
    FROM xcom
    JOIN dag_run ON dag_run.id = xcom.dag_run_id
    LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
    WHERE ($1::jsonb ->> 'dag_id' IS NULL OR dag_run.dag_id = $1::jsonb ->> 'dag_id')
        AND ($1::jsonb ->> 'run_id' IS NULL OR dag_run.run_id = $1::jsonb ->> 'run_id')
        AND ($1::jsonb ->> 'task_id' IS NULL OR xcom.task_id = $1::jsonb ->> 'task_id')
        AND ($1::jsonb ->> 'xcom_key' IS NULL OR xcom.key = $1::jsonb ->> 'xcom_key')
        AND (NOT $1::jsonb ? 'map_index' OR xcom.map_index = ($1::jsonb ->> 'map_index')::integer)
        AND (NOT $1::jsonb ? 'map_index_filter' OR xcom.map_index = ($1::jsonb ->> 'map_index_filter')::integer)
        AND (NOT $1::jsonb ? 'xcom_key_pattern' OR xcom.key ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'xcom_key_pattern'))))
        AND (NOT $1::jsonb ? 'xcom_key_prefix_pattern' OR xcom.key ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'xcom_key_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'dag_display_name_pattern' OR coalesce(dag.dag_display_name, dag_run.dag_id) ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_display_name_pattern'))))
        AND (NOT $1::jsonb ? 'dag_display_name_prefix_pattern'
            OR coalesce(dag.dag_display_name, dag_run.dag_id) ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'dag_display_name_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_pattern' OR dag_run.run_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_pattern'))))
        AND (NOT $1::jsonb ? 'run_id_prefix_pattern' OR dag_run.run_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'run_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'task_id_pattern' OR xcom.task_id ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_id_pattern'))))
        AND (NOT $1::jsonb ? 'task_id_prefix_pattern' OR xcom.task_id ^@ ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'task_id_prefix_pattern'))))
        AND (NOT $1::jsonb ? 'logical_date_gte'
            OR dag_run.logical_date >= ($1::jsonb ->> 'logical_date_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_gt'
            OR dag_run.logical_date > ($1::jsonb ->> 'logical_date_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_lte'
            OR dag_run.logical_date <= ($1::jsonb ->> 'logical_date_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'logical_date_lt'
            OR dag_run.logical_date < ($1::jsonb ->> 'logical_date_lt')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_gte'
            OR dag_run.run_after >= ($1::jsonb ->> 'run_after_gte')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_gt'
            OR dag_run.run_after > ($1::jsonb ->> 'run_after_gt')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_lte'
            OR dag_run.run_after <= ($1::jsonb ->> 'run_after_lte')::timestamptz)
        AND (NOT $1::jsonb ? 'run_after_lt'
            OR dag_run.run_after < ($1::jsonb ->> 'run_after_lt')::timestamptz)
)
SELECT
    total.total_entries, matching.place, matching.key, xcom.created_at AS timestamp, dag_run.logical_date,
    matching.map_index, matching.task_id, dag_run.dag_id, dag_run.run_id, dag_run.run_after,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name,
    coalesce(ti.task_display_name, matching.task_id) AS task_display_name
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN xcom
    ON xcom.dag_run_id = matching.dag_run_id AND xcom.task_id = matching.task_id
    AND xcom.map_index = matching.map_index AND xcom.key = matching.key
LEFT JOIN dag_run ON dag_run.id = matching.dag_run_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = matching.dag_run_id AND ti.task_id = matching.task_id AND ti.map_index = matching.map_index
ORDER BY matching.place
