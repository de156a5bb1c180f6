-- Append what somebody did to the audit log; event_log_pkey.
INSERT INTO event_log (
    created_at, event, dag_id, run_id, task_id, map_index, try_number, logical_date, owner, extra, via, remote_address,
    status
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
