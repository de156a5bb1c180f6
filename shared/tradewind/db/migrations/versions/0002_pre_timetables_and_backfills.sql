-- Runs that are created by time, and backfills.

ALTER TABLE dag_run
    ADD COLUMN timeout_at timestamptz,
    ADD COLUMN backfill_id bigint,
    ADD COLUMN clear_number integer NOT NULL DEFAULT 0,
    ADD COLUMN try_weights text;
COMMENT ON COLUMN dag_run.try_weights IS 'JSON, task to weights of its tries: what priority strategies said of the run';
COMMENT ON COLUMN dag_run.timeout_at IS 'start_date + the DAG''s dagrun_timeout';

ALTER TABLE dag ADD COLUMN dagrun_timeout_seconds double precision;
COMMENT ON COLUMN dag.dagrun_timeout_seconds IS 'how long a run may take from its start; null = however long';

ALTER TABLE dag ADD COLUMN timetable_type text;
COMMENT ON COLUMN dag.timetable_type IS 'class of the timetable; null = not parsed since the column is there';
ALTER TABLE dag ADD COLUMN timetable_periodic boolean NOT NULL DEFAULT true;
ALTER TABLE dag ADD COLUMN timetable_partitioned boolean NOT NULL DEFAULT false;
ALTER TABLE dag ADD COLUMN allowed_run_types text[];
COMMENT ON COLUMN dag.allowed_run_types IS 'kinds of runs that the DAG may have; null = all';

CREATE INDEX dag_next_run ON dag (next_dagrun_run_after)
    WHERE next_dagrun_run_after IS NOT NULL AND NOT is_paused AND NOT is_stale AND NOT has_import_errors;
COMMENT ON INDEX dag_next_run IS 'DAGs that have a run to come by time';

CREATE TABLE dag_request (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id text NOT NULL,
    kind text NOT NULL,
    dag_run_id bigint REFERENCES dag_run (id) ON DELETE CASCADE,
    reason text,
    generation integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE dag_request IS 'what authors'' code is asked outside of any task, in children of the dag processor';
CREATE UNIQUE INDEX dag_request_next_run ON dag_request (dag_id) WHERE kind = 'next_run';
CREATE UNIQUE INDEX dag_request_map_partitions ON dag_request (dag_id) WHERE kind = 'map_partitions';
CREATE INDEX dag_request_by_lease ON dag_request (leased_until, id);
CREATE INDEX dag_request_by_run ON dag_request (dag_run_id) WHERE dag_run_id IS NOT NULL;

CREATE TABLE backfill (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id text NOT NULL,
    from_date timestamptz NOT NULL,
    to_date timestamptz NOT NULL,
    dag_run_conf json,
    is_paused boolean NOT NULL DEFAULT false,
    reprocess_behavior text NOT NULL,
    max_active_runs integer NOT NULL,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    updated_at timestamptz NOT NULL,
    triggering_user_name text
);
CREATE UNIQUE INDEX backfill_active ON backfill (dag_id) WHERE completed_at IS NULL;
CREATE INDEX backfill_by_dag ON backfill (dag_id, id);

CREATE TABLE backfill_dag_run (
    backfill_id bigint NOT NULL REFERENCES backfill (id) ON DELETE CASCADE,
    sort_ordinal integer NOT NULL,
    logical_date timestamptz,
    partition_key text,
    dag_run_id bigint REFERENCES dag_run (id) ON DELETE SET NULL,
    exception_reason text,
    PRIMARY KEY (backfill_id, sort_ordinal)
);
CREATE INDEX backfill_dag_run_by_run ON backfill_dag_run (dag_run_id) WHERE dag_run_id IS NOT NULL;
CREATE INDEX dag_run_by_backfill ON dag_run (backfill_id, state) WHERE backfill_id IS NOT NULL;
CREATE INDEX dag_run_backfill_queued ON dag_run (dag_id, backfill_id)
    WHERE state = 'queued' AND backfill_id IS NOT NULL;

ALTER TABLE dag ADD COLUMN has_deadlines boolean NOT NULL DEFAULT false;
CREATE INDEX dag_with_deadlines ON dag (dag_id) WHERE has_deadlines;
ALTER TABLE dag_run ADD COLUMN deadlines_set_at timestamptz;
COMMENT ON COLUMN dag_run.deadlines_set_at IS 'when its rows of `deadline` were made; only of DAGs that have deadlines';

CREATE TABLE deadline (
    dag_run_id bigint NOT NULL REFERENCES dag_run (id) ON DELETE CASCADE,
    place integer NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, place)
);
COMMENT ON TABLE deadline IS 'runs that should be over by a time; a row goes when the run is in time, or was missed';
CREATE INDEX deadline_by_due ON deadline (due_at);

UPDATE schema_range SET newest = 2;
