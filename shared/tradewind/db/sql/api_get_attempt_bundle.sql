-- The manifest of a bundle's version, for an attempt that is to run it: no row if another attempt is current, null if
-- the attempt's run is bound to another version; task_instance_attempt, dag_bundle_version_pkey, bundle_manifest_pkey.
SELECT
    attempt.state,
    CASE
        WHEN attempt.state IN ('running', 'deferred', 'success') AND (
            dag_run.bundle_version IS NULL
            OR EXISTS (
                SELECT FROM dag_bundle_version AS bound
                WHERE bound.bundle_name = dag_version.bundle_name AND bound.version = dag_run.bundle_version
                    AND bound.digest = $2::text
            )
        ) THEN (SELECT manifest.content FROM bundle_manifest AS manifest WHERE manifest.digest = $2::text)
    END AS content
FROM task_instance AS attempt
JOIN dag_run ON dag_run.id = attempt.dag_run_id
JOIN dag_version ON dag_version.id = dag_run.dag_version_id
WHERE attempt.attempt_id = $1::uuid
    AND (attempt.state IS DISTINCT FROM 'success' OR attempt.end_date > now() - interval '10 minutes')
