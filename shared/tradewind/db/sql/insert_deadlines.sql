-- When runs are due, said once per run (and again after it was cleared). By primary keys.
WITH marked AS (
    UPDATE dag_run
    SET deadlines_set_at = $1::timestamptz
    WHERE id = ANY($2::bigint[]) AND deadlines_set_at IS NULL
    RETURNING id
)
INSERT INTO deadline (dag_run_id, place, due_at)
SELECT w.dag_run_id, w.place, w.due_at
FROM unnest($3::bigint[], $4::integer[], $5::timestamptz[]) AS w (dag_run_id, place, due_at)
JOIN marked m ON m.id = w.dag_run_id
ON CONFLICT (dag_run_id, place) DO UPDATE SET due_at = excluded.due_at
