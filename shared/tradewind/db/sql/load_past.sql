-- What became of tasks in the run before theirs, in the order asked; a null run_id where there is none.
-- By dag_run (dag_id, logical_date) and primary keys.
SELECT
    p.run_id,
    p.logical_date,
    coalesce(i.found, 0)::integer AS found,
    coalesce(i.unsuccessful, 0)::integer AS unsuccessful,
    coalesce(b.unsuccessful, 0)::integer AS unsuccessful_downstream,
    coalesce(i.found, 0) > 0 OR EXISTS (
        SELECT FROM dag_run o
        JOIN task_instance t ON t.dag_run_id = o.id AND t.task_id = w.task_id
        WHERE o.dag_id = r.dag_id AND o.logical_date < r.logical_date
    ) AS has_any_before,
    r.backfill_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM dag_run o
        WHERE o.dag_id = r.dag_id AND o.logical_date < r.logical_date AND o.backfill_id = r.backfill_id
    ) AS is_first_of_backfill
FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::jsonb[])
    WITH ORDINALITY AS w (dag_run_id, task_id, only_scheduled, downstream, position)
LEFT JOIN dag_run r ON r.id = w.dag_run_id
LEFT JOIN LATERAL (
    SELECT o.id, o.run_id, o.logical_date
    FROM dag_run o
    WHERE o.dag_id = r.dag_id
        AND o.logical_date < r.logical_date
        AND (NOT w.only_scheduled OR o.run_type <> 'manual')
    ORDER BY o.logical_date DESC
    LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS found, count(*) FILTER (WHERE t.state NOT IN ('success', 'skipped')) AS unsuccessful
    FROM task_instance t
    WHERE t.dag_run_id = p.id AND t.task_id = w.task_id
) AS i ON true
LEFT JOIN LATERAL (
    SELECT sum(u.unsuccessful) AS unsuccessful
    FROM jsonb_array_elements_text(w.downstream) AS d (task_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS unsuccessful
        FROM task_instance t
        WHERE t.dag_run_id = p.id AND t.task_id = d.task_id AND t.state NOT IN ('success', 'skipped')
    ) AS u
) AS b ON true
ORDER BY w.position
