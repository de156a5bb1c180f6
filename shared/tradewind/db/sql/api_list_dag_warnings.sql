-- A page of what is wrong with DAGs although they are parsed, as things stand now, for people: a scan of dag;
-- slot_pool_pkey, asset_pkey, asset_name_uri_key, asset_by_uri.
-- sort dag_id: warning.dag_id
-- sort warning_type: warning.warning_type
-- sort message: warning.message
-- sort timestamp: warning."timestamp"
-- filter visible_dag_ids: warning.dag_id = ANY ($value::text[])
-- filter visible_dag_pattern: warning.dag_id ~ $value::text
-- filter dag_id: warning.dag_id = $value::text
-- filter warning_type: warning.warning_type = $value::text
WITH matching AS (
    SELECT
        warning.*,
        row_number() OVER (ORDER BY /* sort */ warning.dag_id, warning.warning_type /* end */) AS place
    /* list */
    FROM (
        SELECT
            dag.dag_id, 'non-existent pool' AS warning_type, dag.last_parsed_time AS "timestamp",
            format(
                'Tasks of this DAG name pools that do not exist: %s', string_agg(wanted.pool, ', ' ORDER BY wanted.pool)
            ) AS message
        FROM dag
        CROSS JOIN LATERAL unnest(dag.pools) AS wanted (pool)
        WHERE NOT dag.is_stale AND NOT EXISTS (SELECT FROM slot_pool WHERE slot_pool.pool = wanted.pool)
        GROUP BY dag.dag_id
        UNION ALL
        SELECT dag.dag_id, 'asset conflict', dag.last_parsed_time, string_agg(conflict.text, '; ' ORDER BY conflict.text)
        FROM (
            SELECT
                taken.dag_id,
                format(
                    '%s (%s) of this DAG is not active: another asset has its name or its URI', taken.name, taken.uri
                ) AS text
            FROM (
                SELECT DISTINCT r.dag_id, asset.name, asset.uri
                FROM asset
                JOIN asset_reference r ON r.asset_id = asset.id
                WHERE NOT asset.is_active
                    AND (
                        EXISTS (SELECT FROM asset o WHERE o.name = asset.name AND o.is_active)
                        OR EXISTS (SELECT FROM asset o WHERE o.uri = asset.uri AND o.is_active))
            ) AS taken
        ) AS conflict
        JOIN dag ON dag.dag_id = conflict.dag_id
        WHERE NOT dag.is_stale
        GROUP BY dag.dag_id
    ) AS warning
    WHERE /* filters */
    /* end */
    ORDER BY /* sort */ warning.dag_id, warning.warning_type /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, matching.dag_id, matching.warning_type, matching.message, matching."timestamp",
    coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name
FROM matching
LEFT JOIN dag ON dag.dag_id = matching.dag_id
ORDER BY matching.place
