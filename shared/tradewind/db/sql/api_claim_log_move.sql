-- Whoever moves a try's log says so first, and where to; no row if another does, or if it was moved. A claim made
-- before $9 was given up. task_log_file_pkey.
INSERT INTO task_log_file (dag_run_id, task_id, map_index, try_number, base, path, claim, claimed_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE EXISTS (SELECT FROM dag_run WHERE id = $1)
ON CONFLICT (dag_run_id, task_id, map_index, try_number) DO UPDATE
    SET base = excluded.base, path = excluded.path, claim = excluded.claim, claimed_at = excluded.claimed_at
    WHERE task_log_file.moved_at IS NULL AND task_log_file.claimed_at < $9::timestamptz
RETURNING claim
