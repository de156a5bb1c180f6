-- At most $2 versions of bundles that were left before $1 and that no DAG, DAG version or run names, with what they alone
-- consist of. By dag_bundle_version_left, dag_held_back, dag_version_by_bundle, dag_run_by_bundle and
-- dag_bundle_version_by_digest.
WITH unused AS MATERIALIZED (
    SELECT v.bundle_name, v.version, v.digest
    FROM dag_bundle_version v
    WHERE v.left_at < $1::timestamptz
        AND NOT EXISTS (SELECT FROM dag_bundle b WHERE b.name = v.bundle_name AND b.version = v.version)
        AND NOT EXISTS (SELECT FROM dag d WHERE d.bundle_version = v.version)
        AND NOT EXISTS (SELECT FROM dag_version d WHERE d.bundle_version = v.version)
        AND NOT EXISTS (SELECT FROM dag_run r WHERE r.bundle_version = v.version)
    ORDER BY v.left_at
    LIMIT $2::integer
),
gone AS (
    DELETE FROM dag_bundle_version v
    USING unused u
    WHERE v.bundle_name = u.bundle_name AND v.version = u.version
    RETURNING v.digest
)
SELECT DISTINCT g.digest FROM gone g
