-- Runs that are created by time, and backfills.

ALTER TABLE dag_run
    ADD COLUMN timeout_at timestamptz,
    ADD COLUMN backfill_id bigint,
    ADD COLUMN clear_number integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dag_run.timeout_at IS 'start_date + the DAG''s dagrun_timeout';

UPDATE schema_range SET newest = 2;
