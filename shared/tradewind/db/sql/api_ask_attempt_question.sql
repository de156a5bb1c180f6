-- The question that an attempt puts to a person; asked again in the same try it has no answer any more. Gives the
-- attempt's state, no row if another is current; task_instance_attempt, hitl_detail_pkey.
WITH attempt AS MATERIALIZED (
    SELECT dag_run_id, task_id, map_index, try_number, state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), asked AS (
    INSERT INTO hitl_detail (
        dag_run_id, task_id, map_index, try_number, attempt_id, subject, body, options, defaults, multiple, params,
        assigned_users, created_at
    )
    SELECT dag_run_id, task_id, map_index, try_number, $1, $2, $3, $4::jsonb, $5::jsonb, $6, $7::jsonb, $8::jsonb, $9
    FROM attempt
    WHERE state = 'running'
    ON CONFLICT (dag_run_id, task_id, map_index, try_number) DO UPDATE SET
        attempt_id = excluded.attempt_id, subject = excluded.subject, body = excluded.body,
        options = excluded.options, defaults = excluded.defaults, multiple = excluded.multiple,
        params = excluded.params, assigned_users = excluded.assigned_users, created_at = excluded.created_at,
        responded_at = NULL, responded_by = NULL, chosen_options = NULL, params_input = NULL
)
SELECT state FROM attempt
