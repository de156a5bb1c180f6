-- The events that an attempt's run was made by: no row if another attempt is current, one row of nulls if there are
-- none; task_instance_attempt, dag_run_asset_event_pkey, asset_event_pkey, dag_run_asset_event_by_event.
SELECT
    attempt.state, e.*, a.name, a.uri, a."group", a.extra AS asset_extra,
    ARRAY(
        SELECT l.name FROM asset_alias_event AS t JOIN asset_alias AS l ON l.id = t.alias_id WHERE t.event_id = e.id
        ORDER BY l.name
    ) AS source_aliases,
    coalesce(
        (
            SELECT json_agg(
                json_build_object(
                    'run_id', r.run_id, 'dag_id', r.dag_id, 'logical_date', r.logical_date, 'start_date', r.start_date,
                    'end_date', r.end_date, 'state', r.state, 'data_interval_start', r.data_interval_start,
                    'data_interval_end', r.data_interval_end, 'partition_key', r.partition_key
                )
                ORDER BY r.id
            )
            FROM dag_run_asset_event AS u
            JOIN dag_run AS r ON r.id = u.dag_run_id
            WHERE u.event_id = e.id
        ),
        '[]'
    ) AS created_dagruns
FROM task_instance AS attempt
LEFT JOIN dag_run_asset_event AS u
    ON u.dag_run_id = attempt.dag_run_id AND attempt.state IN ('running', 'deferred', 'success')
LEFT JOIN asset_event AS e ON e.id = u.event_id
LEFT JOIN asset AS a ON a.id = e.asset_id
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
ORDER BY e."timestamp", e.id
