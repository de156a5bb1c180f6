-- What a triggerer has to run, after those went whose task instance waits no more: a person or a rule ended it.
-- By trigger_by_triggerer and task_instance_pkey.
WITH owned AS MATERIALIZED (
    SELECT g.id, t.state IS NOT DISTINCT FROM 'deferred' AND t.attempt_id IS NOT DISTINCT FROM g.attempt_id AS is_waiting
    FROM trigger g
    LEFT JOIN task_instance t
        ON t.dag_run_id = g.dag_run_id AND t.task_id = g.task_id AND t.map_index = g.map_index
    WHERE g.triggerer_id = $1::uuid AND g.classpath <> ''
),
gone AS (
    DELETE FROM trigger g USING owned o WHERE g.id = o.id AND NOT o.is_waiting
)
SELECT id FROM owned WHERE is_waiting ORDER BY id
