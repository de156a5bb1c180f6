-- A person has a (locked) task instance queued as a fresh attempt; the (locked) limits change by the net of what it held
-- and what it takes. No row: it had changed, or there was no room and it was to fit. By task_instance_pkey.
WITH asked AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, t.pool, t.held_slots, t.kept_slots
    FROM task_instance t
    WHERE t.dag_run_id = $2 AND t.task_id = $3 AND t.map_index = $4 AND t.state = $5
        AND t.attempt_id IS NOT DISTINCT FROM $6::uuid
),
deltas AS MATERIALIZED (
    SELECT pool, sum(slots)::integer AS slots
    FROM (SELECT pool, -held_slots - kept_slots FROM asked UNION ALL SELECT $10, $11 FROM asked) AS each (pool, slots)
    GROUP BY pool
),
place AS MATERIALIZED (
    SELECT CASE WHEN held_slots > 0 THEN 0 ELSE 1 END AS added FROM asked
),
room AS MATERIALIZED (
    SELECT p.pool
    FROM slot_pool p
    JOIN deltas d ON d.pool = p.pool
    CROSS JOIN place c
    CROSS JOIN parallelism m
    WHERE p.pool = $10 AND (
        NOT $15
        OR ((p.slots < 0 OR d.slots <= 0 OR p.used + d.slots <= p.slots)
            AND (m.slots = 0 OR c.added = 0 OR m.used < m.slots))
    )
),
used_pools AS (
    UPDATE slot_pool p
    SET used = greatest(p.used + d.slots, 0)
    FROM deltas d
    WHERE p.pool = d.pool AND d.slots <> 0 AND EXISTS (SELECT FROM room)
),
used_parallelism AS (
    UPDATE parallelism m SET used = m.used + c.added FROM place c WHERE m.singleton AND EXISTS (SELECT FROM room)
)
UPDATE task_instance t
SET
    state = 'queued',
    attempt_id = $7::uuid,
    try_number = $8,
    pool = $10,
    pool_slots = $11,
    queue = $12,
    executor = $13,
    by_hand = $14::jsonb,
    held_slots = $11,
    kept_slots = 0,
    end_pending = false,
    skip_requested = false,
    next_action_at = NULL,
    scheduled_at = coalesce(CASE WHEN $9 THEN NULL ELSE t.scheduled_at END, $1::timestamptz),
    queued_at = $1::timestamptz,
    published_at = $1::timestamptz,
    publish_count = 1,
    start_date = NULL,
    end_date = NULL,
    code_started_at = NULL,
    recorded_at = NULL,
    cause = NULL,
    detail = NULL,
    worker_id = NULL,
    incarnation = NULL,
    nonce = NULL,
    claimed_at_tick = NULL,
    missing_beats = 0,
    hostname = NULL,
    pid = NULL,
    rendered_fields = NULL,
    map_length = NULL,
    lost_attempts = CASE WHEN $9 THEN 0 ELSE t.lost_attempts END,
    dispatch_failures = CASE WHEN $9 THEN 0 ELSE t.dispatch_failures END,
    is_resuming = t.is_resuming AND NOT $9,
    next_method = CASE WHEN $9 THEN NULL ELSE t.next_method END,
    next_kwargs = CASE WHEN $9 THEN NULL ELSE t.next_kwargs END,
    first_start_date = CASE WHEN $9 THEN NULL ELSE t.first_start_date END,
    task_reschedule_count = CASE WHEN $9 THEN 0 ELSE t.task_reschedule_count END
FROM asked a
WHERE EXISTS (SELECT FROM room)
    AND t.dag_run_id = a.dag_run_id AND t.task_id = a.task_id AND t.map_index = a.map_index
RETURNING t.attempt_id
