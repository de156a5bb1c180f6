-- Events of an asset (name $2, URI $3, null: any) or of an alias ($4), between two moments, for an attempt: no row if
-- another attempt is current, one row of nulls if there are none; task_instance_attempt, asset_name_uri_key,
-- asset_by_uri, asset_event_by_asset, asset_alias_event_pkey, dag_run_asset_event_by_event.
SELECT
    attempt.state, found.*, a.name, a.uri, a."group", a.extra AS asset_extra,
    ARRAY(
        SELECT l.name FROM asset_alias_event AS t JOIN asset_alias AS l ON l.id = t.alias_id WHERE t.event_id = found.id
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
            WHERE u.event_id = found.id
        ),
        '[]'
    ) AS created_dagruns
FROM task_instance AS attempt
LEFT JOIN LATERAL (
    SELECT m.*
    FROM (
        SELECT e.*
        FROM (
            SELECT a.id
            FROM asset AS a
            WHERE $4::text IS NULL AND a.name = $2::text AND ($3::text IS NULL OR a.uri = $3)
            UNION ALL
            SELECT a.id FROM asset AS a WHERE $4::text IS NULL AND $2::text IS NULL AND a.uri = $3::text
        ) AS meant
        JOIN asset_event AS e ON e.asset_id = meant.id
        UNION ALL
        SELECT e.*
        FROM asset_alias AS l
        JOIN asset_alias_event AS t ON t.alias_id = l.id
        JOIN asset_event AS e ON e.id = t.event_id
        WHERE l.name = $4::text
    ) AS m
    WHERE ($5::timestamptz IS NULL OR m."timestamp" >= $5) AND ($6::timestamptz IS NULL OR m."timestamp" <= $6)
    ORDER BY
        CASE WHEN $7::boolean THEN m."timestamp" END,
        CASE WHEN $7::boolean THEN m.id END,
        m."timestamp" DESC,
        m.id DESC
    LIMIT $8::integer
) AS found ON attempt.state IN ('running', 'deferred', 'success')
LEFT JOIN asset AS a ON a.id = found.asset_id
WHERE attempt.attempt_id = $1
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
ORDER BY
    CASE WHEN $7::boolean THEN found."timestamp" END,
    CASE WHEN $7::boolean THEN found.id END,
    found."timestamp" DESC,
    found.id DESC
