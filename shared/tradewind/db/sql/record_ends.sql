-- Ends of attempts with their XComs, logs and history, all or none, in one round trip: writes only if every attempt is
-- still as it was read (`holds`). All rows, those to skip too, are locked in one pass in key order. By primary keys.
WITH touched AS MATERIALIZED (
    SELECT e.dag_run_id, e.task_id, e.map_index
    FROM unnest($2::bigint[], $3::text[], $4::integer[]) AS e (dag_run_id, task_id, map_index)
    UNION
    SELECT t.dag_run_id, t.task_id, t.map_index
    FROM unnest($38::bigint[], $39::text[], $40::integer[]) AS s (dag_run_id, task_id, map_index)
    JOIN task_instance t
        ON t.dag_run_id = s.dag_run_id AND t.task_id = s.task_id AND (s.map_index < 0 OR t.map_index = s.map_index)
    WHERE t.state IN ('none', 'scheduled', 'up_for_retry', 'up_for_reschedule', 'upstream_failed')
),
held AS MATERIALIZED (
    SELECT t.dag_run_id, t.task_id, t.map_index, t.attempt_id, t.state
    FROM touched x
    JOIN task_instance t ON t.dag_run_id = x.dag_run_id AND t.task_id = x.task_id AND t.map_index = x.map_index
    ORDER BY t.dag_run_id, t.task_id, t.map_index
    FOR NO KEY UPDATE OF t
),
locked AS MATERIALIZED (
    SELECT e.*
    FROM unnest(
        $2::bigint[], $3::text[], $4::integer[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::integer[],
        $10::integer[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::bytea[], $16::integer[],
        $17::text[], $18::text[], $19::uuid[], $20::boolean[], $33::integer[], $34::text[], $35::boolean[],
        $36::text[], $37::bytea[]
    ) AS e (
        dag_run_id, task_id, map_index, attempt_id, expected_state, state, next_action_at, lost_attempts,
        dispatch_failures, cause, detail, ended_at, code_started_at, rendered_fields, pid, hostname, worker_id,
        incarnation, is_copied, map_length, rendered_map_index, is_resuming, next_method, next_kwargs
    )
    JOIN held h ON h.dag_run_id = e.dag_run_id AND h.task_id = e.task_id AND h.map_index = e.map_index
    WHERE h.attempt_id = e.attempt_id AND h.state = e.expected_state
),
guard AS MATERIALIZED (
    SELECT count(*) = cardinality($2::bigint[]) AS holds FROM locked
),
ended AS (
    UPDATE task_instance t
    SET
        state = l.state,
        end_pending = true,
        next_action_at = l.next_action_at,
        lost_attempts = l.lost_attempts,
        dispatch_failures = l.dispatch_failures,
        cause = l.cause,
        detail = l.detail,
        end_date = l.ended_at,
        code_started_at = l.code_started_at,
        recorded_at = $1::timestamptz,
        rendered_fields = l.rendered_fields,
        pid = l.pid,
        hostname = l.hostname,
        worker_id = l.worker_id,
        incarnation = l.incarnation,
        map_length = l.map_length,
        rendered_map_index = l.rendered_map_index,
        is_resuming = l.is_resuming,
        next_method = CASE WHEN l.state = 'scheduled' THEN t.next_method ELSE l.next_method END, -- dispatched again
        next_kwargs = CASE WHEN l.state = 'scheduled' THEN t.next_kwargs ELSE l.next_kwargs END,
        task_reschedule_count = t.task_reschedule_count + CASE l.state WHEN 'up_for_reschedule' THEN 1 ELSE 0 END
    FROM locked l
    WHERE (SELECT holds FROM guard)
        AND t.dag_run_id = l.dag_run_id AND t.task_id = l.task_id AND t.map_index = l.map_index
    RETURNING l.is_copied, t.*
),
copied AS (
    INSERT INTO task_instance_history (
        dag_run_id, dag_id, run_id, task_id, map_index, try_number, attempt_id, id, state, max_tries, scheduled_at,
        queued_at, start_date, code_started_at, end_date, recorded_at, cause, detail, worker_id, hostname, pid, pool,
        pool_slots, queue, executor, priority_weight, operator, task_display_name, rendered_fields
    )
    SELECT
        e.dag_run_id, r.dag_id, r.run_id, e.task_id, e.map_index, e.try_number, e.attempt_id, e.id, 'failed',
        e.max_tries, e.scheduled_at, e.queued_at, e.start_date, e.code_started_at, e.end_date, e.recorded_at, e.cause,
        e.detail, e.worker_id, e.hostname, e.pid, e.pool, e.pool_slots, e.queue, e.executor, e.priority_weight,
        e.operator, e.task_display_name, e.rendered_fields
    FROM ended e
    JOIN dag_run r ON r.id = e.dag_run_id
    WHERE e.is_copied
),
pushed AS (
    INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at)
    SELECT x.dag_run_id, x.task_id, x.map_index, x.key, x.value, $1::timestamptz
    FROM unnest($21::bigint[], $22::text[], $23::integer[], $24::text[], $25::bytea[])
        AS x (dag_run_id, task_id, map_index, key, value)
    WHERE (SELECT holds FROM guard)
    ON CONFLICT (dag_run_id, task_id, map_index, key)
        DO UPDATE SET value = excluded.value, created_at = excluded.created_at
),
logged AS (
    INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)
    SELECT g.dag_run_id, g.task_id, g.map_index, g.try_number, g.attempt_id, g.sequence, $1::timestamptz, g.lines
    FROM unnest(
        $26::bigint[], $27::text[], $28::integer[], $29::integer[], $30::uuid[], $31::integer[], $32::bytea[]
    ) AS g (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, lines)
    WHERE (SELECT holds FROM guard)
    ON CONFLICT DO NOTHING
),
skipped AS (
    UPDATE task_instance t
    SET skip_requested = true
    FROM unnest($38::bigint[], $39::text[], $40::integer[]) AS s (dag_run_id, task_id, map_index)
    WHERE (SELECT holds FROM guard)
        AND t.dag_run_id = s.dag_run_id AND t.task_id = s.task_id AND (s.map_index < 0 OR t.map_index = s.map_index)
        AND t.state IN ('none', 'scheduled', 'up_for_retry', 'up_for_reschedule', 'upstream_failed')
),
deferred AS (
    INSERT INTO trigger (
        dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, queue, timeout_at, human_input, created_at
    )
    SELECT d.*, $1::timestamptz
    FROM unnest(
        $41::bigint[], $42::text[], $43::integer[], $44::uuid[], $45::text[], $46::bytea[], $47::text[],
        $48::timestamptz[], $49::bytea[]
    ) AS d (dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, queue, timeout_at, human_input)
    WHERE (SELECT holds FROM guard)
    ON CONFLICT DO NOTHING
),
asked AS (
    INSERT INTO hitl_detail (
        dag_run_id, task_id, map_index, try_number, attempt_id, subject, body, options, defaults, multiple, params,
        assigned_users, created_at
    )
    SELECT
        t.dag_run_id, t.task_id, t.map_index, t.try_number, q.attempt_id, q.question ->> 'subject',
        q.question ->> 'body', q.question -> 'options', nullif(q.question -> 'defaults', 'null'),
        coalesce((q.question ->> 'multiple')::boolean, false), coalesce(nullif(q.question -> 'params', 'null'), '{}'),
        coalesce(nullif(q.question -> 'assigned_users', 'null'), '[]'), $1::timestamptz
    FROM (
        SELECT d.dag_run_id, d.task_id, d.map_index, d.attempt_id, convert_from(d.question, 'UTF8')::jsonb AS question
        FROM unnest($41::bigint[], $42::text[], $43::integer[], $44::uuid[], $49::bytea[])
            AS d (dag_run_id, task_id, map_index, attempt_id, question)
        WHERE d.question IS NOT NULL AND (SELECT holds FROM guard)
    ) AS q
    JOIN task_instance t ON t.dag_run_id = q.dag_run_id AND t.task_id = q.task_id AND t.map_index = q.map_index
    ON CONFLICT (dag_run_id, task_id, map_index, try_number) DO UPDATE SET
        attempt_id = excluded.attempt_id, subject = excluded.subject, body = excluded.body,
        options = excluded.options, defaults = excluded.defaults, multiple = excluded.multiple,
        params = excluded.params, assigned_users = excluded.assigned_users, created_at = excluded.created_at,
        responded_at = NULL, responded_by = NULL, chosen_options = NULL, params_input = NULL
)
SELECT holds FROM guard
