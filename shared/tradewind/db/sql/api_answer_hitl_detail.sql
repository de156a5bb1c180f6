-- Keeps the answer to a question, unless there is one; no row then. By hitl_detail_attempt_id_key.
UPDATE hitl_detail
SET responded_at = $2, responded_by = $3::text::jsonb, chosen_options = $4::text::jsonb, params_input = $5::text::jsonb
WHERE attempt_id = $1 AND responded_at IS NULL
RETURNING true AS is_kept
