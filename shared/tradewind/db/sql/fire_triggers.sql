-- Waiting task instances go on, or end, by what their triggers said; locked in key order. An end that the run's owner
-- has not decided upon yet is left alone: the trigger stays. One that waits no more is not touched: the trigger goes.
-- By primary keys.
WITH asked AS MATERIALIZED (
    SELECT a.*, g.dag_run_id, g.task_id, g.map_index, g.attempt_id
    FROM unnest(
        $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bytea[], $12::text[], $13::text[], $14::text[]
    ) AS a (id, state, next_method, next_kwargs, detail, log, chosen_options, params_input, responded_by)
    JOIN trigger g ON g.id = a.id
),
locked AS MATERIALIZED (
    SELECT
        a.*,
        t.try_number,
        t.end_pending,
        t.state IN ('deferred', 'awaiting_input') AND t.attempt_id IS NOT DISTINCT FROM a.attempt_id AS is_waiting
    FROM asked a
    JOIN task_instance t ON t.dag_run_id = a.dag_run_id AND t.task_id = a.task_id AND t.map_index = a.map_index
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
),
resumed AS (
    UPDATE task_instance t
    SET
        state = l.state,
        end_pending = true,
        recorded_at = $1::timestamptz,
        next_action_at = NULL,
        scheduled_at = CASE l.state WHEN 'scheduled' THEN $1::timestamptz ELSE t.scheduled_at END,
        end_date = CASE l.state WHEN 'scheduled' THEN t.end_date ELSE $1::timestamptz END,
        detail = coalesce(l.detail, t.detail),
        next_method = coalesce(l.next_method, t.next_method),
        next_kwargs = coalesce(l.next_kwargs, t.next_kwargs)
    FROM locked l
    WHERE l.is_waiting AND NOT l.end_pending
        AND t.dag_run_id = l.dag_run_id AND t.task_id = l.task_id AND t.map_index = l.map_index
),
pushed AS (
    INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at)
    SELECT l.dag_run_id, l.task_id, l.map_index, x.key, x.value, $1::timestamptz
    FROM unnest($8::bigint[], $9::text[], $10::bytea[]) AS x (id, key, value)
    JOIN locked l ON l.id = x.id
    WHERE l.is_waiting AND NOT l.end_pending
    ON CONFLICT (dag_run_id, task_id, map_index, key)
        DO UPDATE SET value = excluded.value, created_at = excluded.created_at
),
logged AS (
    INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)
    SELECT l.dag_run_id, l.task_id, l.map_index, l.try_number, l.attempt_id, $11::integer, $1::timestamptz, l.log
    FROM locked l
    WHERE l.is_waiting AND NOT l.end_pending AND l.log IS NOT NULL
    ON CONFLICT DO NOTHING
),
answered AS (
    UPDATE hitl_detail h
    SET
        responded_at = $1::timestamptz,
        responded_by = l.responded_by::jsonb,
        chosen_options = l.chosen_options::jsonb,
        params_input = l.params_input::jsonb
    FROM locked l
    WHERE l.is_waiting AND l.chosen_options IS NOT NULL AND h.attempt_id = l.attempt_id AND h.responded_at IS NULL
    RETURNING l.id
),
hurried AS (
    UPDATE trigger g SET timeout_at = $1::timestamptz
    FROM locked l
    JOIN answered a ON a.id = l.id
    WHERE l.end_pending AND g.id = l.id
),
gone AS (
    DELETE FROM trigger g USING locked l WHERE g.id = l.id AND NOT (l.is_waiting AND l.end_pending)
)
SELECT
    l.id, l.dag_run_id, l.task_id, l.map_index, l.attempt_id, l.is_waiting, l.end_pending, r.owner,
    a.id IS NOT NULL AS is_answered
FROM locked l
LEFT JOIN answered a ON a.id = l.id
JOIN dag_run r ON r.id = l.dag_run_id
ORDER BY l.id
