-- A run of a (locked) DAG whose condition is met: uses up what its queue holds until $3, and is linked to these events
-- and to those that came while nobody waited (paused) since its last such run or, without catchup, since it has waited
-- for assets at all, and no run has used. By asset_dag_run_queue_pkey, dag_run_by_run_after, asset_event_by_asset.
WITH used AS (
    DELETE FROM asset_dag_run_queue q WHERE q.dag_id = $1::text AND q.created_at <= $3::timestamptz
    RETURNING q.event_id
),
made AS (
    INSERT INTO dag_run (dag_id, run_id, state, run_type, triggered_by, run_after, queued_at, dag_version_id, bundle_version)
    VALUES (
        $1::text, $2::text, 'queued', 'asset_triggered', 'asset', $3::timestamptz, $4::timestamptz, $5::uuid,
        (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = $1::text AND NOT d.disable_bundle_versioning
        )
    )
    RETURNING id
),
since AS MATERIALIZED (
    SELECT
        coalesce(
            (
                SELECT max(r.run_after)
                FROM dag_run r
                WHERE r.dag_id = $1::text AND r.run_type = 'asset_triggered' AND r.run_after < $3::timestamptz
            ),
            (
                SELECT min(f.created_at)
                FROM asset_reference f
                WHERE NOT $6::boolean AND f.dag_id = $1::text AND f.role = 'schedule'
            ),
            '-infinity'
        ) AS moment
),
meant AS MATERIALIZED (
    SELECT f.asset_id AS id
    FROM asset_reference f
    WHERE f.dag_id = $1::text AND f.role = 'schedule' AND f.kind = 'asset'
    UNION
    SELECT a.id
    FROM asset_reference f
    JOIN asset a ON a.name = f.name
    WHERE f.dag_id = $1::text AND f.role = 'schedule' AND f.kind = 'name_ref'
    UNION
    SELECT a.id
    FROM asset_reference f
    JOIN asset a ON a.uri = f.uri
    WHERE f.dag_id = $1::text AND f.role = 'schedule' AND f.kind = 'uri_ref'
),
missed AS (
    SELECT e.id
    FROM since s
    CROSS JOIN meant m
    JOIN asset_event e ON e.asset_id = m.id AND e."timestamp" > s.moment AND e."timestamp" <= $3::timestamptz
    UNION
    SELECT e.id
    FROM since s
    CROSS JOIN asset_reference f
    JOIN asset_alias_event l ON l.alias_id = f.alias_id
    JOIN asset_event e ON e.id = l.event_id AND e."timestamp" > s.moment AND e."timestamp" <= $3::timestamptz
    WHERE f.dag_id = $1::text AND f.role = 'schedule'
)
INSERT INTO dag_run_asset_event (dag_run_id, event_id)
SELECT m.id, e.event_id
FROM made m
CROSS JOIN (
    SELECT u.event_id
    FROM used u
    UNION
    SELECT i.id
    FROM missed i
    WHERE NOT EXISTS (
        SELECT 1
        FROM dag_run_asset_event l
        JOIN dag_run r ON r.id = l.dag_run_id AND r.dag_id = $1::text
        WHERE l.event_id = i.id
    )
) AS e
