-- Where an attempt stands, the worker ($2, $3) that may hold it, and what it has asked: no row if another attempt is
-- current; task_instance_attempt, worker_pkey, hitl_detail_attempt_id_key.
SELECT
    attempt.state,
    attempt.cause,
    attempt.start_date,
    attempt.first_start_date,
    attempt.task_reschedule_count,
    attempt.incarnation,
    attempt.rendered_fields,
    attempt.rendered_map_index,
    attempt.map_length,
    coalesce(holder.hostname, attempt.hostname) AS hostname,
    coalesce(holder.pid, attempt.pid) AS pid,
    holder.sequence,
    holder.skips,
    asked.subject,
    asked.body,
    asked.options,
    asked.defaults,
    asked.multiple,
    asked.params,
    asked.assigned_users,
    asked.responded_at,
    asked.responded_by,
    asked.chosen_options,
    asked.params_input
FROM task_instance AS attempt
LEFT JOIN worker AS holder ON holder.worker_id = $2 AND holder.incarnation = $3
LEFT JOIN hitl_detail AS asked ON asked.attempt_id = attempt.attempt_id
WHERE attempt.attempt_id = $1
