-- One (locked) task instance with its tries, XComs and what it waits for. Another row of the run tells its owner to look,
-- should it miss the message. By task_instance_pkey, task_instance_history_pkey, xcom_pkey.
WITH named AS MATERIALIZED (
    SELECT dag_run_id, task_id, map_index, attempt_id
    FROM task_instance
    WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3
),
told AS (
    UPDATE task_instance t
    SET end_pending = true, recorded_at = $4::timestamptz
    FROM (
        SELECT other.task_id, other.map_index
        FROM task_instance other
        WHERE other.dag_run_id = $1 AND (other.task_id, other.map_index) <> ($2, $3::integer) AND other.held_slots = 0
        ORDER BY other.task_id, other.map_index
        LIMIT 1
    ) o
    WHERE t.dag_run_id = $1 AND t.task_id = o.task_id AND t.map_index = o.map_index
        AND (SELECT state = 'running' FROM dag_run WHERE id = $1)
),
forgotten AS (
    DELETE FROM task_instance_history h
    USING named n
    WHERE h.dag_run_id = n.dag_run_id AND h.task_id = n.task_id AND h.map_index = n.map_index
),
unpushed AS (
    DELETE FROM xcom x
    USING named n
    WHERE x.dag_run_id = n.dag_run_id AND x.task_id = n.task_id AND x.map_index = n.map_index
),
untriggered AS (
    DELETE FROM trigger g USING named n WHERE g.attempt_id = n.attempt_id
)
DELETE FROM task_instance t
USING named n
WHERE t.dag_run_id = n.dag_run_id AND t.task_id = n.task_id AND t.map_index = n.map_index
RETURNING t.task_id
