-- Runs that are created by time, and backfills.

ALTER TABLE dag_run
    ADD COLUMN timeout_at timestamptz,
    ADD COLUMN backfill_id bigint,
    ADD COLUMN clear_number integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dag_run.timeout_at IS 'start_date + the DAG''s dagrun_timeout';

ALTER TABLE dag ADD COLUMN dagrun_timeout_seconds double precision;
COMMENT ON COLUMN dag.dagrun_timeout_seconds IS 'how long a run may take from its start; null = however long';

CREATE INDEX dag_next_run ON dag (next_dagrun_run_after)
    WHERE next_dagrun_run_after IS NOT NULL AND NOT is_paused AND NOT is_stale AND NOT has_import_errors;
COMMENT ON INDEX dag_next_run IS 'DAGs that have a run to come by time';

UPDATE schema_range SET newest = 2;
