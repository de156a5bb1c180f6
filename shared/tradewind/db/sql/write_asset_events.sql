-- Events of assets, with a row in the queue of each DAG that waits for them; an asset that is known by an alias only is
-- made. By asset_name_uri_key, asset_by_uri, asset_reference_by_asset, …_by_alias, …_by_name and …_by_uri.
WITH given AS MATERIALIZED (
    SELECT
        g.*, r.dag_id, r.run_id, coalesce(g.own_key, r.partition_key) AS partition_key,
        CASE WHEN g.own_key IS NULL OR g.own_key = r.partition_key THEN r.partition_date END AS partition_date
    FROM unnest(
        $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[]
    ) WITH ORDINALITY AS g (
        dag_run_id, task_id, map_index, name, uri, group_name, asset_extra, extra, own_key, aliases, place
    )
    LEFT JOIN dag_run r ON r.id = g.dag_run_id
),
made AS (
    INSERT INTO asset (name, uri, "group", extra, is_active, created_at, updated_at)
    SELECT DISTINCT ON (g.name, g.uri)
        g.name, g.uri, g.group_name, g.asset_extra::json,
        coalesce((SELECT false FROM asset a WHERE a.is_active AND a.name = g.name LIMIT 1), true)
            AND coalesce((SELECT false FROM asset a WHERE a.is_active AND a.uri = g.uri LIMIT 1), true),
        $1::timestamptz, $1::timestamptz
    FROM given g
    WHERE g.aliases <> '[]'
    ORDER BY g.name, g.uri
    ON CONFLICT (name, uri) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id, name, uri
),
resolved AS MATERIALIZED (
    SELECT g.*, f.id AS asset_id, nextval(pg_get_serial_sequence('asset_event', 'id')) AS event_id
    FROM given g
    CROSS JOIN LATERAL (
        SELECT m.id FROM made m WHERE g.aliases <> '[]' AND m.name = g.name AND m.uri = g.uri
        UNION ALL
        SELECT a.id
        FROM asset a
        WHERE g.aliases = '[]' AND a.is_active AND a.name = g.name AND (g.uri = '' OR a.uri = g.uri)
        UNION ALL
        SELECT a.id FROM asset a WHERE g.aliases = '[]' AND g.name = '' AND a.is_active AND a.uri = g.uri
        LIMIT 1
    ) AS f
    ORDER BY g.place
),
events AS (
    INSERT INTO asset_event (
        id, asset_id, "timestamp", extra, partition_key, partition_date, source_dag_id, source_run_id, source_task_id,
        source_map_index
    )
    SELECT
        r.event_id, r.asset_id, $1::timestamptz, r.extra::json, r.partition_key, r.partition_date, r.dag_id, r.run_id,
        r.task_id, r.map_index
    FROM resolved r
    ORDER BY r.place
),
named AS MATERIALIZED (
    SELECT DISTINCT r.event_id, r.asset_id, n.name
    FROM resolved r
    CROSS JOIN LATERAL json_array_elements_text(r.aliases::json) AS n (name)
),
aliases AS (
    INSERT INTO asset_alias (name, "group")
    SELECT DISTINCT n.name, 'asset'
    FROM named n
    ORDER BY n.name
    ON CONFLICT (name) DO UPDATE SET "group" = asset_alias."group"
    RETURNING id, name
),
associated AS (
    INSERT INTO asset_alias_asset (alias_id, asset_id)
    SELECT DISTINCT l.id, n.asset_id FROM named n JOIN aliases l ON l.name = n.name
    ON CONFLICT DO NOTHING
),
through AS (
    INSERT INTO asset_alias_event (alias_id, event_id)
    SELECT l.id, n.event_id FROM named n JOIN aliases l ON l.name = n.name
),
consumers AS MATERIALIZED (
    SELECT DISTINCT c.dag_id, r.event_id, r.asset_id
    FROM resolved r
    JOIN LATERAL (
        SELECT f.dag_id, f.is_partitioned FROM asset_reference f WHERE f.asset_id = r.asset_id AND f.role = 'schedule'
        UNION ALL
        SELECT f.dag_id, f.is_partitioned
        FROM named n
        JOIN aliases l ON l.name = n.name
        JOIN asset_reference f ON f.alias_id = l.id AND f.role = 'schedule'
        WHERE n.event_id = r.event_id
        UNION ALL
        SELECT f.dag_id, f.is_partitioned
        FROM asset a
        JOIN asset_reference f ON f.kind = 'name_ref' AND f.name = a.name AND f.role = 'schedule'
        WHERE a.id = r.asset_id
        UNION ALL
        SELECT f.dag_id, f.is_partitioned
        FROM asset a
        JOIN asset_reference f ON f.kind = 'uri_ref' AND f.uri = a.uri AND f.role = 'schedule'
        WHERE a.id = r.asset_id
    ) AS c ON c.is_partitioned = (r.partition_key IS NOT NULL)
    JOIN dag d ON d.dag_id = c.dag_id AND NOT d.is_paused
),
queued AS (
    INSERT INTO asset_dag_run_queue (dag_id, event_id, asset_id, created_at)
    SELECT c.dag_id, c.event_id, c.asset_id, $1::timestamptz FROM consumers c
)
SELECT
    ARRAY(SELECT r.event_id FROM resolved r ORDER BY r.place) AS event_ids,
    ARRAY(SELECT DISTINCT c.dag_id FROM consumers c ORDER BY c.dag_id) AS dag_ids
