-- The store has confirmed the file: it is the log from now on, and the chunks that it holds go, all in one. No row, and
-- nothing is done, if the claim was lost. A chunk that came later stays. task_log_file_pkey, task_log_pkey.
WITH file AS (
    UPDATE task_log_file
    SET moved_at = $6, size_bytes = $7
    WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND claim = $5 AND moved_at IS NULL
    RETURNING claim
),
gone AS (
    DELETE FROM task_log AS log
    USING unnest($8::uuid[], $9::integer[]) AS held (attempt_id, last_sequence)
    WHERE (SELECT count(*) FROM file) = 1
        AND log.dag_run_id = $1 AND log.task_id = $2 AND log.map_index = $3 AND log.try_number = $4
        AND log.attempt_id = held.attempt_id AND log.sequence <= held.last_sequence
)
SELECT claim FROM file
