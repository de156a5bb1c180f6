-- Triggers that nobody runs become this triggerer's, oldest first, if its lease still holds. Without queues of its own
-- it takes those that name none. By trigger_unowned and primary keys.
WITH me AS MATERIALIZED (
    SELECT id FROM triggerer WHERE id = $1::uuid FOR KEY SHARE
),
free AS MATERIALIZED (
    SELECT g.id
    FROM trigger g
    WHERE g.triggerer_id IS NULL AND g.classpath <> ''
        AND CASE WHEN $3::text[] IS NULL THEN g.queue IS NULL ELSE g.queue = ANY ($3::text[]) END
        AND EXISTS (SELECT FROM me)
    ORDER BY g.id
    LIMIT $2::integer
    FOR NO KEY UPDATE SKIP LOCKED
),
taken AS (
    UPDATE trigger g SET triggerer_id = $1::uuid FROM free f WHERE g.id = f.id RETURNING g.*
),
waiting AS MATERIALIZED (
    SELECT g.*, t.try_number, t.next_kwargs
    FROM taken g
    JOIN task_instance t ON t.dag_run_id = g.dag_run_id AND t.task_id = g.task_id AND t.map_index = g.map_index
    WHERE t.state = 'deferred' AND t.attempt_id = g.attempt_id
)
SELECT
    g.id, g.dag_run_id, g.task_id, g.map_index, g.attempt_id, g.classpath, g.kwargs, r.dag_id, r.run_id, g.try_number,
    g.next_kwargs, v.relative_fileloc, r.dag_version_id, v.bundle_name,
    CASE
        WHEN r.bundle_version IS NOT NULL THEN (
            SELECT b.digest
            FROM dag_bundle_version b
            WHERE b.bundle_name = v.bundle_name AND b.version = r.bundle_version
        )
        ELSE (
            SELECT b.digest
            FROM dag d
            JOIN dag_bundle n ON n.name = d.bundle_name
            JOIN dag_bundle_version b ON b.bundle_name = n.name AND b.version = coalesce(d.bundle_version, n.version)
            WHERE d.dag_id = r.dag_id AND d.bundle_name = v.bundle_name
        )
    END AS bundle_digest
FROM waiting g
JOIN dag_run r ON r.id = g.dag_run_id
JOIN dag_version v ON v.id = r.dag_version_id
ORDER BY g.id
