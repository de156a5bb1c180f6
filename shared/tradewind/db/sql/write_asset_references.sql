-- What DAGs ($2) name as assets, instead of what they named before; assets and aliases are made as they are first named.
-- By asset_reference_pkey, asset_name_uri_key, asset_alias_name_key.
WITH wanted AS MATERIALIZED (
    SELECT w.*
    FROM unnest(
        $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[]
    ) AS w (dag_id, role, task_id, kind, name, uri, group_name, extra, is_partitioned)
),
dropped AS (
    DELETE FROM asset_reference r
    WHERE r.dag_id = ANY($2::text[])
        AND NOT EXISTS (
            SELECT 1
            FROM wanted w
            WHERE w.dag_id = r.dag_id AND w.role = r.role AND w.task_id = r.task_id AND w.kind = r.kind
                AND w.name = r.name AND w.uri = r.uri
        )
    RETURNING r.dag_id
),
assets AS (
    INSERT INTO asset (name, uri, "group", extra, created_at, updated_at)
    SELECT DISTINCT ON (w.name, w.uri) w.name, w.uri, w.group_name, w.extra::json, $1::timestamptz, $1::timestamptz
    FROM wanted w
    WHERE w.kind = 'asset'
    ORDER BY w.name, w.uri, w.dag_id, w.role, w.task_id
    ON CONFLICT (name, uri) DO UPDATE
    SET "group" = excluded."group", extra = excluded.extra, updated_at = excluded.updated_at
    RETURNING id, name, uri
),
aliases AS (
    INSERT INTO asset_alias (name, "group")
    SELECT DISTINCT ON (w.name) w.name, w.group_name
    FROM wanted w
    WHERE w.kind = 'alias'
    ORDER BY w.name, w.dag_id, w.role, w.task_id
    ON CONFLICT (name) DO UPDATE SET "group" = excluded."group"
    RETURNING id, name
),
kept AS (
    INSERT INTO asset_reference (
        dag_id, role, task_id, kind, name, uri, asset_id, alias_id, is_partitioned, created_at
    )
    SELECT w.dag_id, w.role, w.task_id, w.kind, w.name, w.uri, a.id, l.id, w.is_partitioned, $1::timestamptz
    FROM wanted w
    LEFT JOIN assets a ON w.kind = 'asset' AND a.name = w.name AND a.uri = w.uri
    LEFT JOIN aliases l ON w.kind = 'alias' AND l.name = w.name
    ON CONFLICT (dag_id, role, task_id, kind, name, uri) DO UPDATE SET is_partitioned = excluded.is_partitioned
    RETURNING dag_id
),
watched AS MATERIALIZED (
    SELECT a.id AS asset_id, w.name, w.classpath, w.kwargs
    FROM unnest($12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[]) AS w (
        asset_name, asset_uri, name, classpath, kwargs
    )
    JOIN assets a ON a.name = w.asset_name AND a.uri = w.asset_uri
),
unwatched AS (
    DELETE FROM asset_watcher o
    USING assets a
    WHERE o.asset_id = a.id
        AND EXISTS (
            SELECT 1
            FROM wanted w
            WHERE w.role = 'schedule' AND w.kind = 'asset' AND w.name = a.name AND w.uri = a.uri
        )
        AND NOT EXISTS (SELECT 1 FROM watched w WHERE w.asset_id = o.asset_id AND w.name = o.name)
),
watching AS (
    INSERT INTO asset_watcher (asset_id, name, classpath, kwargs, created_at)
    SELECT w.asset_id, w.name, w.classpath, w.kwargs, $1::timestamptz FROM watched w
    ON CONFLICT (asset_id, name) DO UPDATE
    SET
        classpath = excluded.classpath,
        kwargs = excluded.kwargs,
        triggerer_id = CASE
            WHEN (asset_watcher.classpath, asset_watcher.kwargs) = (excluded.classpath, excluded.kwargs)
                THEN asset_watcher.triggerer_id
        END
),
asked_anew AS (
    UPDATE asset_dag_run_queue q SET is_seen = false WHERE q.dag_id = ANY($2::text[]) AND q.is_seen
)
SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM kept) AS touched
