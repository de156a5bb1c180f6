-- Deferred and rescheduled task instances: they wait without a slot and go on with the same try.

ALTER TABLE task_instance
    ADD COLUMN is_resuming boolean NOT NULL DEFAULT false,
    ADD COLUMN first_start_date timestamptz,
    ADD COLUMN task_reschedule_count integer NOT NULL DEFAULT 0,
    ADD COLUMN next_method text,
    ADD COLUMN next_kwargs bytea;
COMMENT ON COLUMN task_instance.is_resuming IS 'entering queued goes on with the same try';
COMMENT ON COLUMN task_instance.first_start_date IS 'start of the first attempt of this try';
COMMENT ON COLUMN task_instance.next_kwargs IS 'JSON text; the trigger''s event is added when it fires';

-- Who runs triggers, under a lease on the lease clock.
CREATE TABLE triggerer (
    id                  uuid PRIMARY KEY,
    number              bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    hostname            text NOT NULL,
    capacity            integer NOT NULL,
    started_at          timestamptz NOT NULL,
    renewed_at          timestamptz NOT NULL,
    renewed_at_tick     double precision NOT NULL
) WITH (fillfactor = 50);

COMMENT ON COLUMN triggerer.number IS 'for the API, where ids of triggerers are numbers';

-- What deferred task instances wait for, one row each while they do. A triggerer takes rows under its lease.
CREATE TABLE trigger (
    id                  bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL,
    attempt_id          uuid NOT NULL UNIQUE,
    classpath           text NOT NULL,
    kwargs              bytea NOT NULL,
    queue               text,
    timeout_at          timestamptz,
    human_input         bytea,
    created_at          timestamptz NOT NULL,
    triggerer_id        uuid REFERENCES triggerer ON DELETE SET NULL
);
COMMENT ON COLUMN trigger.attempt_id IS 'the attempt that was deferred: nothing else may be resumed by it';
COMMENT ON COLUMN trigger.classpath IS 'empty: only a person, or the timeout, ends the wait';
CREATE INDEX trigger_by_triggerer ON trigger (triggerer_id, id) WHERE classpath <> '';
CREATE INDEX trigger_unowned ON trigger (id) WHERE triggerer_id IS NULL AND classpath <> '';
CREATE INDEX trigger_by_timeout ON trigger (timeout_at) WHERE timeout_at IS NOT NULL;
CREATE INDEX trigger_by_dag_run ON trigger (dag_run_id);

-- Questions to people, one row for each try that asked, with the answer once there is one. Times of answers and values
-- are what the task goes on with.
CREATE TABLE hitl_detail (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL,
    try_number          integer NOT NULL,
    attempt_id          uuid NOT NULL UNIQUE,
    subject             text NOT NULL,
    body                text,
    options             jsonb NOT NULL,
    defaults            jsonb,
    multiple            boolean NOT NULL,
    params              jsonb NOT NULL,
    assigned_users      jsonb NOT NULL,
    created_at          timestamptz NOT NULL,
    responded_at        timestamptz,
    responded_by        jsonb,
    chosen_options      jsonb,
    params_input        jsonb,
    PRIMARY KEY (dag_run_id, task_id, map_index, try_number)
);
COMMENT ON COLUMN hitl_detail.responded_by IS 'null with an answer: the defaults were taken, the time was over';

UPDATE schema_range SET newest = 4;
