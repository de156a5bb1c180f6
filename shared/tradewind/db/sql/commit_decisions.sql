-- One scheduler's batch, whole or not at all, in one round trip: locks runs, task instances, then limits, each in key
-- order; checks every guard on the locked rows; writes only if all hold. Served by primary keys.
WITH runs AS MATERIALIZED (
    SELECT
        w.*,
        r.state = 'running'
            AND r.owner IS NOT DISTINCT FROM $1::uuid
            AND r.owner_epoch = w.owner_epoch
            AND r.revision = w.revision AS is_expected
    FROM unnest($3::bigint[], $4::integer[], $5::integer[], $6::text[], $7::timestamptz[])
        AS w (id, owner_epoch, revision, state, end_date)
    JOIN dag_run r ON r.id = w.id
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
),
run_guard AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE is_expected) = cardinality($3::bigint[]) AS holds FROM runs
),
changed AS MATERIALIZED (
    SELECT
        w.*,
        t.held_slots AS held_before,
        t.kept_slots AS kept_before,
        t.pool AS pool_before,
        coalesce(w.held_slots, t.held_slots) AS held_after,
        coalesce(w.pool, t.pool) AS pool_after,
        t.attempt_id IS NOT DISTINCT FROM w.expected_attempt_id
            AND (w.expected_state IS NULL OR t.state = w.expected_state)
            AND (NOT w.acknowledged OR t.end_pending OR t.kept_slots > 0) AS is_expected
    FROM unnest(
        $8::bigint[], $9::text[], $10::integer[], $11::text[], $12::uuid[], $13::boolean[], $14::text[], $15::uuid[],
        $16::integer[], $17::text[], $18::integer[], $19::timestamptz[], $20::boolean[], $21::boolean[],
        $22::boolean[], $23::boolean[], $46::integer[]
    ) AS w (
        dag_run_id, task_id, map_index, expected_state, expected_attempt_id, acknowledged, state, attempt_id,
        try_number, pool, held_slots, next_action_at, enters_queued, enters_scheduled, finishes, resets_losses,
        kept_after
    )
    JOIN task_instance t
        ON t.dag_run_id = w.dag_run_id AND t.task_id = w.task_id AND t.map_index = w.map_index
    WHERE (SELECT holds FROM run_guard)
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
),
created AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $24::bigint[], $25::text[], $26::integer[], $27::integer[], $28::text[], $29::integer[], $30::text[],
        $31::text[], $32::integer[], $33::text[], $34::text[], $35::text[], $36::uuid[], $37::integer[], $38::integer[],
        $39::timestamptz[], $40::boolean[], $41::boolean[], $42::boolean[]
    ) AS c (
        dag_run_id, task_id, map_index, max_tries, pool, pool_slots, queue, executor, priority_weight, operator,
        task_display_name, state, attempt_id, try_number, held_slots, next_action_at, enters_queued, enters_scheduled,
        finishes
    )
),
deltas AS MATERIALIZED (
    SELECT pool, sum(slots)::integer AS slots
    FROM (
        SELECT pool_before, -held_before - kept_before FROM changed
        UNION ALL
        SELECT pool_after, held_after + kept_after FROM changed
        UNION ALL
        SELECT pool, held_slots FROM created
    ) AS held (pool, slots)
    GROUP BY pool
    HAVING sum(slots) <> 0
),
parallel AS MATERIALIZED (
    SELECT
        (SELECT count(*) FILTER (WHERE held_after > 0) - count(*) FILTER (WHERE held_before > 0) FROM changed)
        + (SELECT count(*) FILTER (WHERE held_slots > 0) FROM created) AS attempts
),
guard AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE is_expected) = cardinality($8::bigint[]) AND (SELECT holds FROM run_guard) AS holds
    FROM changed
),
pools AS MATERIALIZED (
    SELECT p.pool, p.slots, p.used, d.slots AS delta, d.slots <= 0 OR p.slots < 0 OR p.used + d.slots <= p.slots AS fits
    FROM deltas d
    JOIN slot_pool p ON p.pool = d.pool
    WHERE (SELECT holds FROM guard)
    ORDER BY p.pool
    FOR NO KEY UPDATE OF p
),
pool_guard AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE fits AND delta > 0) = (SELECT count(*) FROM deltas WHERE slots > 0) AS holds
    FROM pools
),
cap AS MATERIALIZED (
    SELECT p.used, a.attempts AS delta, a.attempts <= 0 OR p.slots = 0 OR p.used + a.attempts <= p.slots AS fits
    FROM parallel a
    JOIN parallelism p ON p.singleton
    WHERE a.attempts <> 0
        AND (SELECT holds FROM guard)
        AND (SELECT holds FROM pool_guard) -- also: locked after the pools
    FOR NO KEY UPDATE OF p
),
verdict AS MATERIALIZED (
    SELECT CASE
        WHEN NOT (SELECT holds FROM guard) THEN 'stale'
        WHEN NOT (SELECT holds FROM pool_guard) OR EXISTS (SELECT FROM cap WHERE NOT fits) THEN 'refused'
        ELSE 'committed'
    END AS answer
),
updated AS (
    UPDATE task_instance t
    SET
        state = coalesce(c.state, t.state),
        attempt_id = CASE WHEN c.state IS NULL THEN t.attempt_id ELSE c.attempt_id END,
        try_number = coalesce(c.try_number, t.try_number),
        pool = c.pool_after,
        held_slots = c.held_after,
        kept_slots = c.kept_after,
        end_pending = t.end_pending AND NOT c.acknowledged,
        next_action_at = CASE WHEN c.state IS NULL THEN t.next_action_at ELSE c.next_action_at END,
        lost_attempts = CASE WHEN c.resets_losses THEN 0 ELSE t.lost_attempts END,
        dispatch_failures = CASE WHEN c.resets_losses THEN 0 ELSE t.dispatch_failures END,
        scheduled_at = CASE WHEN c.enters_scheduled THEN $2::timestamptz ELSE t.scheduled_at END,
        queued_at = CASE WHEN c.enters_queued THEN $2::timestamptz ELSE t.queued_at END,
        published_at = CASE WHEN c.enters_queued THEN $2::timestamptz ELSE t.published_at END,
        publish_count = CASE WHEN c.enters_queued THEN 1 ELSE t.publish_count END,
        start_date = CASE
            WHEN c.enters_queued THEN NULL
            WHEN c.finishes THEN coalesce(t.start_date, $2::timestamptz)
            ELSE t.start_date
        END,
        end_date = CASE
            WHEN c.enters_queued THEN NULL
            WHEN c.finishes THEN $2::timestamptz
            ELSE t.end_date
        END,
        code_started_at = CASE WHEN c.enters_queued THEN NULL ELSE t.code_started_at END,
        recorded_at = CASE WHEN c.enters_queued THEN NULL ELSE t.recorded_at END,
        cause = CASE WHEN c.enters_queued THEN NULL ELSE t.cause END,
        detail = CASE WHEN c.enters_queued THEN NULL ELSE t.detail END,
        worker_id = CASE WHEN c.enters_queued THEN NULL ELSE t.worker_id END,
        incarnation = CASE WHEN c.enters_queued THEN NULL ELSE t.incarnation END,
        nonce = CASE WHEN c.enters_queued THEN NULL ELSE t.nonce END,
        claimed_at_tick = CASE WHEN c.enters_queued THEN NULL ELSE t.claimed_at_tick END,
        missing_beats = CASE WHEN c.enters_queued THEN 0 ELSE t.missing_beats END,
        hostname = CASE WHEN c.enters_queued THEN NULL ELSE t.hostname END,
        pid = CASE WHEN c.enters_queued THEN NULL ELSE t.pid END,
        rendered_fields = CASE WHEN c.enters_queued THEN NULL ELSE t.rendered_fields END,
        map_length = CASE WHEN c.enters_queued THEN NULL ELSE t.map_length END,
        is_resuming = t.is_resuming AND NOT c.resets_losses,
        next_method = CASE WHEN c.resets_losses THEN NULL ELSE t.next_method END,
        next_kwargs = CASE WHEN c.resets_losses THEN NULL ELSE t.next_kwargs END,
        first_start_date = CASE WHEN c.resets_losses THEN NULL ELSE t.first_start_date END,
        task_reschedule_count = CASE WHEN c.resets_losses THEN 0 ELSE t.task_reschedule_count END
    FROM changed c
    WHERE (SELECT answer FROM verdict) = 'committed'
        AND t.dag_run_id = c.dag_run_id AND t.task_id = c.task_id AND t.map_index = c.map_index
),
inserted AS (
    INSERT INTO task_instance (
        dag_run_id, task_id, map_index, max_tries, pool, pool_slots, queue, executor, priority_weight, operator,
        task_display_name, state, attempt_id, try_number, held_slots, next_action_at, scheduled_at, queued_at,
        published_at, publish_count, start_date, end_date
    )
    SELECT
        c.dag_run_id, c.task_id, c.map_index, c.max_tries, c.pool, c.pool_slots, c.queue, c.executor,
        c.priority_weight, c.operator, c.task_display_name, c.state, c.attempt_id, c.try_number, c.held_slots,
        c.next_action_at,
        CASE WHEN c.enters_scheduled THEN $2::timestamptz END,
        CASE WHEN c.enters_queued THEN $2::timestamptz END,
        CASE WHEN c.enters_queued THEN $2::timestamptz END,
        CASE WHEN c.enters_queued THEN 1 ELSE 0 END,
        CASE WHEN c.finishes THEN $2::timestamptz END,
        CASE WHEN c.finishes THEN $2::timestamptz END
    FROM created c
    WHERE (SELECT answer FROM verdict) = 'committed'
),
replaced AS (
    DELETE FROM task_instance t
    USING unnest($43::bigint[], $44::text[], $45::integer[]) AS x (dag_run_id, task_id, map_index)
    WHERE (SELECT answer FROM verdict) = 'committed'
        AND t.dag_run_id = x.dag_run_id AND t.task_id = x.task_id AND t.map_index = x.map_index
),
ended_runs AS (
    UPDATE dag_run r
    SET state = w.state, end_date = w.end_date, last_scheduling_decision = $2::timestamptz
    FROM runs w
    WHERE (SELECT answer FROM verdict) = 'committed' AND r.id = w.id AND w.state IS NOT NULL
),
used_pools AS (
    UPDATE slot_pool p
    SET used = greatest(p.used + l.delta, 0)
    FROM pools l
    WHERE (SELECT answer FROM verdict) = 'committed' AND p.pool = l.pool
),
used_parallelism AS (
    UPDATE parallelism p
    SET used = greatest(p.used + l.delta, 0)
    FROM cap l
    WHERE (SELECT answer FROM verdict) = 'committed' AND p.singleton
)
SELECT
    v.answer,
    CASE WHEN v.answer = 'stale' THEN coalesce(
        (SELECT array_agg(id ORDER BY id) FROM runs WHERE NOT is_expected),
        (SELECT array_agg(DISTINCT dag_run_id) FROM changed WHERE NOT is_expected),
        $3::bigint[]
    ) END AS stale,
    limits.*
FROM verdict v
LEFT JOIN LATERAL (
    SELECT
        array_agg(p.pool ORDER BY p.pool) AS pools,
        array_agg(p.slots ORDER BY p.pool) AS slots,
        array_agg(p.include_deferred ORDER BY p.pool) AS include_deferred,
        array_agg(greatest(coalesce(l.used + CASE v.answer WHEN 'committed' THEN l.delta ELSE 0 END, p.used), 0)
            ORDER BY p.pool) AS used,
        min(m.slots) AS parallelism,
        greatest(coalesce(
            (SELECT used + CASE v.answer WHEN 'committed' THEN delta ELSE 0 END FROM cap), min(m.used)
        ), 0) AS parallelism_used
    FROM slot_pool p
    LEFT JOIN pools l ON l.pool = p.pool
    CROSS JOIN parallelism m
) AS limits ON v.answer = 'refused' OR EXISTS (SELECT FROM pools) OR EXISTS (SELECT FROM cap)
