-- Pauses those (locked) DAGs of which as many of the latest runs as given have all failed.
-- By dag_pkey and an index on a DAG's runs.
UPDATE dag d
SET is_paused = true
FROM unnest($1::text[], $2::integer[]) AS w (dag_id, latest)
WHERE d.dag_id = w.dag_id
    AND NOT d.is_paused
    AND (
        SELECT count(*) FILTER (WHERE l.state = 'failed') = w.latest
        FROM (
            SELECT r.state FROM dag_run r WHERE r.dag_id = w.dag_id ORDER BY r.run_after DESC, r.id DESC LIMIT w.latest
        ) AS l
    )
RETURNING d.dag_id
