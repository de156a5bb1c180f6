-- What a person makes of (locked) task instances: keeps their tries, drops what they wait for, gives back what they
-- hold. Limits are locked last, in key order. By task_instance_pkey, xcom_pkey,
-- task_instance_history_pkey.
WITH revised AS MATERIALIZED (
    SELECT
        w.*,
        t.attempt_id,
        t.pool AS pool_before,
        CASE WHEN w.voids THEN t.held_slots + t.kept_slots ELSE 0 END AS freed,
        w.voids AND t.held_slots > 0 AS frees_place
    FROM unnest(
        $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::integer[], $7::boolean[], $8::boolean[],
        $9::boolean[], $10::boolean[], $11::boolean[], $12::text[], $13::integer[], $14::text[], $15::text[],
        $16::integer[], $17::text[], $18::text[]
    ) AS w (
        dag_run_id, task_id, map_index, state, max_tries, skip_requested, voids, finishes, end_pending, copies_try,
        pool, pool_slots, queue, executor, priority_weight, operator, task_display_name
    )
    JOIN task_instance t
        ON t.dag_run_id = w.dag_run_id AND t.task_id = w.task_id AND t.map_index = w.map_index
),
copied AS (
    INSERT INTO task_instance_history (
        dag_run_id, dag_id, run_id, task_id, map_index, try_number, attempt_id, id, state, max_tries, scheduled_at,
        queued_at, start_date, code_started_at, end_date, recorded_at, cause, detail, worker_id, hostname, pid, pool,
        pool_slots, queue, executor, priority_weight, operator, task_display_name, rendered_fields
    )
    SELECT
        t.dag_run_id, r.dag_id, r.run_id, t.task_id, t.map_index, t.try_number, coalesce(t.attempt_id, t.id), t.id,
        CASE WHEN t.state IN ('success', 'failed', 'skipped', 'upstream_failed') THEN t.state ELSE 'failed' END,
        t.max_tries, t.scheduled_at, t.queued_at, t.start_date, t.code_started_at,
        coalesce(t.end_date, $1::timestamptz), $1::timestamptz, t.cause, t.detail, t.worker_id, t.hostname, t.pid,
        t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.operator, t.task_display_name,
        t.rendered_fields
    FROM revised w
    JOIN task_instance t
        ON t.dag_run_id = w.dag_run_id AND t.task_id = w.task_id AND t.map_index = w.map_index
    JOIN dag_run r ON r.id = t.dag_run_id
    WHERE w.copies_try AND NOT EXISTS ( -- of a try that was ended by rule or by a person since, the first end is kept
        SELECT FROM task_instance_history h
        WHERE h.dag_run_id = t.dag_run_id AND h.task_id = t.task_id AND h.map_index = t.map_index
            AND h.try_number = t.try_number
    )
),
untriggered AS (
    DELETE FROM trigger g
    USING revised w
    WHERE w.voids AND g.attempt_id = w.attempt_id
),
-- A map may come out shorter the next time: what is collected of it then must not hold values of this time.
unpushed AS (
    DELETE FROM xcom x
    USING revised w
    WHERE w.voids AND NOT w.finishes AND w.map_index >= 0
        AND x.dag_run_id = w.dag_run_id AND x.task_id = w.task_id AND x.map_index = w.map_index
),
updated AS (
    UPDATE task_instance t
    SET
        state = w.state,
        max_tries = w.max_tries,
        skip_requested = w.skip_requested,
        end_pending = w.end_pending,
        recorded_at = CASE WHEN w.end_pending THEN $1::timestamptz ELSE t.recorded_at END,
        held_slots = CASE WHEN w.voids THEN 0 ELSE t.held_slots END,
        kept_slots = CASE WHEN w.voids THEN 0 ELSE t.kept_slots END,
        next_action_at = CASE WHEN w.voids THEN NULL ELSE t.next_action_at END,
        is_resuming = t.is_resuming AND NOT w.voids,
        by_hand = CASE WHEN w.voids AND NOT w.finishes THEN NULL ELSE t.by_hand END,
        next_method = CASE WHEN w.voids THEN NULL ELSE t.next_method END,
        next_kwargs = CASE WHEN w.voids THEN NULL ELSE t.next_kwargs END,
        first_start_date = CASE WHEN w.voids THEN NULL ELSE t.first_start_date END,
        task_reschedule_count = CASE WHEN w.voids THEN 0 ELSE t.task_reschedule_count END,
        start_date = CASE WHEN w.finishes THEN coalesce(t.start_date, $1::timestamptz) ELSE t.start_date END,
        end_date = CASE WHEN w.finishes THEN coalesce(t.end_date, $1::timestamptz) ELSE t.end_date END,
        pool = coalesce(w.pool, t.pool),
        pool_slots = coalesce(w.pool_slots, t.pool_slots),
        queue = coalesce(w.queue, t.queue),
        executor = CASE WHEN w.pool IS NULL THEN t.executor ELSE w.executor END,
        priority_weight = coalesce(w.priority_weight, t.priority_weight),
        operator = coalesce(w.operator, t.operator),
        task_display_name = CASE WHEN w.pool IS NULL THEN t.task_display_name ELSE w.task_display_name END
    FROM revised w
    WHERE t.dag_run_id = w.dag_run_id AND t.task_id = w.task_id AND t.map_index = w.map_index
),
pools AS MATERIALIZED (
    SELECT p.pool, d.slots
    FROM (SELECT pool_before AS pool, sum(freed)::integer AS slots FROM revised WHERE freed > 0 GROUP BY 1) d
    JOIN slot_pool p ON p.pool = d.pool
    ORDER BY p.pool
    FOR NO KEY UPDATE OF p
),
used_pools AS (
    UPDATE slot_pool p SET used = greatest(p.used - l.slots, 0) FROM pools l WHERE p.pool = l.pool
),
used_parallelism AS (
    UPDATE parallelism m
    SET used = greatest(m.used - (SELECT count(*) FROM revised WHERE frees_place), 0)
    WHERE m.singleton
        AND EXISTS (SELECT FROM revised WHERE frees_place)
        AND (SELECT count(*) FROM pools) >= 0 -- locked after the pools
)
SELECT pool FROM pools
