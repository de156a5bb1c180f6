-- The next tries that have chunks, after one of them in the order of the key, each with whether its log can be moved:
-- nothing can be added to it ($6: callbacks of a success that ended before this have had their time), and nobody is
-- moving it or has begun after $7. Goes from try to try, however many chunks each has; task_log_pkey,
-- task_instance_pkey, task_log_file_pkey, dag_run_pkey.
WITH RECURSIVE tries AS (
    (
        SELECT dag_run_id, task_id, map_index, try_number
        FROM task_log
        WHERE (dag_run_id, task_id, map_index, try_number) > ($1::bigint, $2::text, $3::integer, $4::integer)
        ORDER BY dag_run_id, task_id, map_index, try_number
        LIMIT 1
    )
    UNION ALL
    SELECT following.*
    FROM tries
    CROSS JOIN LATERAL (
        SELECT l.dag_run_id, l.task_id, l.map_index, l.try_number
        FROM task_log l
        WHERE (l.dag_run_id, l.task_id, l.map_index, l.try_number)
            > (tries.dag_run_id, tries.task_id, tries.map_index, tries.try_number)
        ORDER BY l.dag_run_id, l.task_id, l.map_index, l.try_number
        LIMIT 1
    ) AS following
)
SELECT
    t.dag_run_id, t.task_id, t.map_index, t.try_number, r.dag_id, r.run_id,
    (
        ti.try_number IS DISTINCT FROM t.try_number
        OR ti.state IN ('failed', 'skipped', 'upstream_failed', 'up_for_retry', 'removed')
        OR (ti.state = 'success' AND coalesce(ti.end_date, ti.recorded_at) < $6::timestamptz)
    )
    AND (file.dag_run_id IS NULL OR (file.moved_at IS NULL AND file.claimed_at < $7::timestamptz)) AS is_settled
FROM (SELECT * FROM tries LIMIT $5) AS t
JOIN dag_run AS r ON r.id = t.dag_run_id
LEFT JOIN task_instance AS ti
    ON ti.dag_run_id = t.dag_run_id AND ti.task_id = t.task_id AND ti.map_index = t.map_index
LEFT JOIN task_log_file AS file
    ON file.dag_run_id = t.dag_run_id AND file.task_id = t.task_id AND file.map_index = t.map_index
        AND file.try_number = t.try_number
ORDER BY t.dag_run_id, t.task_id, t.map_index, t.try_number
