-- A backfill; no row if the DAG has an active one. By backfill_active.
INSERT INTO backfill (
    dag_id, from_date, to_date, dag_run_conf, reprocess_behavior, max_active_runs, created_at, updated_at,
    triggering_user_name
)
VALUES ($1, $2, $3, $4::json, $5, $6, $7, $7, $8)
ON CONFLICT DO NOTHING
RETURNING id
