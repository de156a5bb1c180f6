-- The first schema. JSON that belongs to users is kept as they wrote it (json or bytea, never jsonb: jsonb refuses
-- NUL escapes, and one such value must not be able to wedge a collector).

-- Which services this database serves: those written for any schema from `oldest` to `newest`. A migration that only
-- adds (pre-deploy) raises `newest`; one that takes away (post-deploy) raises `oldest` too.
CREATE TABLE schema_range (
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    oldest              integer NOT NULL,
    newest              integer NOT NULL,
    CHECK (oldest <= newest)
);
INSERT INTO schema_range (oldest, newest) VALUES (1, 1);

CREATE TABLE dag_file (
    relative_fileloc    text PRIMARY KEY,
    file_digest         text NOT NULL,
    dependencies        json NOT NULL DEFAULT '{}',
    last_parsed_at      timestamptz NOT NULL
);
COMMENT ON COLUMN dag_file.dependencies IS 'what else the parse read: name -> fingerprint';

CREATE TABLE dag_version (
    id                  uuid PRIMARY KEY,
    dag_id              text NOT NULL,
    version_number      integer NOT NULL,
    structure_digest    text NOT NULL,
    file_digest         text NOT NULL,
    relative_fileloc    text NOT NULL,
    spec                json NOT NULL,
    created_at          timestamptz NOT NULL,
    UNIQUE (dag_id, version_number)
);

CREATE TABLE dag (
    dag_id              text PRIMARY KEY,
    dag_display_name    text,
    relative_fileloc    text NOT NULL,
    dag_version_id      uuid NOT NULL REFERENCES dag_version,
    is_paused           boolean NOT NULL,
    is_stale            boolean NOT NULL DEFAULT false,
    has_import_errors   boolean NOT NULL DEFAULT false,
    description         text,
    tags                text[] NOT NULL DEFAULT '{}',
    owners              text[] NOT NULL DEFAULT '{}',
    timetable_summary   text,
    timetable_description text,
    max_active_tasks    integer NOT NULL,
    max_active_runs     integer NOT NULL,
    max_consecutive_failed_dag_runs integer NOT NULL DEFAULT 0,
    has_task_concurrency_limits boolean NOT NULL DEFAULT false,
    last_parsed_time    timestamptz,
    last_expired        timestamptz,
    next_dagrun_logical_date timestamptz,
    next_dagrun_data_interval_start timestamptz,
    next_dagrun_data_interval_end timestamptz,
    next_dagrun_run_after timestamptz
);
CREATE INDEX dag_by_file ON dag (relative_fileloc);

CREATE TABLE dag_run (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id              text NOT NULL,
    run_id              text NOT NULL,
    state               text NOT NULL,
    run_type            text NOT NULL,
    triggered_by        text NOT NULL,
    triggering_user_name text,
    logical_date        timestamptz,
    data_interval_start timestamptz,
    data_interval_end   timestamptz,
    run_after           timestamptz NOT NULL,
    queued_at           timestamptz NOT NULL,
    start_date          timestamptz,
    end_date            timestamptz,
    last_scheduling_decision timestamptz,
    conf                json NOT NULL DEFAULT '{}',
    note                text,
    bundle_version      text,
    dag_version_id      uuid NOT NULL REFERENCES dag_version,
    owner               uuid,
    owner_epoch         integer NOT NULL DEFAULT 0,
    revision            integer NOT NULL DEFAULT 0,
    UNIQUE (dag_id, logical_date),
    CHECK (state IN ('queued', 'running', 'success', 'failed'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
-- Runs to start, in the order in which they are started.
CREATE INDEX dag_run_queued ON dag_run (dag_id, run_after, id) WHERE state = 'queued';
-- Runs of an owner, and (owner IS NULL) runs to adopt.
CREATE INDEX dag_run_running ON dag_run (owner, id) WHERE state = 'running';
-- How many runs of a DAG are active.
CREATE INDEX dag_run_running_by_dag ON dag_run (dag_id) WHERE state = 'running';
-- Whether a version has runs: then it never changes its structure.
CREATE INDEX dag_run_by_version ON dag_run (dag_version_id);
-- Lists of a DAG's runs, latest first.
CREATE INDEX dag_run_by_run_after ON dag_run (dag_id, run_after);
-- Made last: while the table is small all indexes on dag_id look alike to the planner, and of those it takes the newest.
ALTER TABLE dag_run ADD UNIQUE (dag_id, run_id);

CREATE TABLE task_instance (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL DEFAULT -1,
    id                  uuid NOT NULL DEFAULT gen_random_uuid(),
    state               text NOT NULL DEFAULT 'none',
    try_number          integer NOT NULL DEFAULT 0,
    max_tries           integer NOT NULL,
    attempt_id          uuid,
    lost_attempts       integer NOT NULL DEFAULT 0,
    dispatch_failures   integer NOT NULL DEFAULT 0,
    held_slots          integer NOT NULL DEFAULT 0,
    end_pending         boolean NOT NULL DEFAULT false,
    next_action_at      timestamptz,
    scheduled_at        timestamptz,
    queued_at           timestamptz,
    published_at        timestamptz,
    publish_count       integer NOT NULL DEFAULT 0,
    start_date          timestamptz,
    code_started_at     timestamptz,
    end_date            timestamptz,
    recorded_at         timestamptz,
    cause               text,
    detail              text,
    worker_id           text,
    incarnation         uuid,
    nonce               bigint,
    claimed_at_tick     double precision,
    missing_beats       integer NOT NULL DEFAULT 0,
    hostname            text,
    pid                 integer,
    pool                text NOT NULL,
    pool_slots          integer NOT NULL,
    queue               text NOT NULL,
    executor            text,
    priority_weight     integer NOT NULL,
    operator            text NOT NULL,
    task_display_name   text,
    rendered_fields     bytea,
    note                text,
    PRIMARY KEY (dag_run_id, task_id, map_index),
    CHECK (state IN ('none', 'scheduled', 'queued', 'running', 'restarting', 'success', 'failed', 'skipped',
        'upstream_failed', 'up_for_retry', 'up_for_reschedule', 'deferred', 'awaiting_input', 'removed')),
    CHECK (held_slots >= 0)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);
COMMENT ON COLUMN task_instance.attempt_id IS 'fencing token of the latest attempt: every write of an attempt names it';
COMMENT ON COLUMN task_instance.held_slots IS 'part of slot_pool.used; 1 of parallelism is held whenever this is not 0';
COMMENT ON COLUMN task_instance.rendered_fields IS 'template fields after rendering, a JSON object';
-- An attempt by its id alone: heartbeats, log chunks, attempt tokens.
CREATE UNIQUE INDEX task_instance_attempt ON task_instance (attempt_id) WHERE attempt_id IS NOT NULL;
-- What a sweep looks for: messages that nobody claimed, ends that nobody decided upon.
CREATE INDEX task_instance_unclaimed ON task_instance (dag_run_id) WHERE state = 'queued';
CREATE INDEX task_instance_undecided ON task_instance (dag_run_id) WHERE end_pending;
-- What a worker runs.
CREATE INDEX task_instance_running ON task_instance (incarnation) WHERE state IN ('running', 'restarting');
-- What holds slots, for the recount.
CREATE INDEX task_instance_holding ON task_instance (pool) WHERE held_slots > 0;

-- Finished tries that were followed by another one. No foreign keys; partitions are cut by time.
CREATE TABLE task_instance_history (
    dag_run_id          bigint NOT NULL,
    dag_id              text NOT NULL,
    run_id              text NOT NULL,
    task_id             text NOT NULL,
    map_index           integer NOT NULL,
    try_number          integer NOT NULL,
    attempt_id          uuid NOT NULL,
    id                  uuid NOT NULL,
    state               text NOT NULL,
    max_tries           integer NOT NULL,
    scheduled_at        timestamptz,
    queued_at           timestamptz,
    start_date          timestamptz,
    code_started_at     timestamptz,
    end_date            timestamptz,
    recorded_at         timestamptz NOT NULL,
    cause               text,
    detail              text,
    worker_id           text,
    hostname            text,
    pid                 integer,
    pool                text NOT NULL,
    pool_slots          integer NOT NULL,
    queue               text NOT NULL,
    executor            text,
    priority_weight     integer NOT NULL,
    operator            text NOT NULL,
    task_display_name   text,
    rendered_fields     bytea,
    PRIMARY KEY (dag_run_id, task_id, map_index, try_number, attempt_id, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE task_instance_history_default PARTITION OF task_instance_history DEFAULT;

CREATE TABLE xcom (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL DEFAULT -1,
    key                 text NOT NULL,
    value               bytea NOT NULL,
    created_at          timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index, key)
);
COMMENT ON COLUMN xcom.value IS 'JSON text as the task gave it';

CREATE TABLE task_log (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL,
    try_number          integer NOT NULL,
    attempt_id          uuid NOT NULL,
    sequence            integer NOT NULL,
    created_at          timestamptz NOT NULL,
    lines               bytea NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index, try_number, attempt_id, sequence)
);
COMMENT ON COLUMN task_log.lines IS 'whole NDJSON lines';

CREATE TABLE import_error (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relative_fileloc    text NOT NULL UNIQUE,
    stacktrace          text NOT NULL,
    created_at          timestamptz NOT NULL
);

CREATE TABLE slot_pool (
    pool                text PRIMARY KEY,
    slots               integer NOT NULL,
    used                integer NOT NULL DEFAULT 0 CHECK (used >= 0),
    description         text,
    include_deferred    boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
COMMENT ON COLUMN slot_pool.slots IS '-1 = unlimited';
INSERT INTO slot_pool (pool, slots, description) VALUES ('default_pool', 128, 'Default pool');

CREATE TABLE parallelism (
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    slots               integer NOT NULL,
    used                integer NOT NULL DEFAULT 0 CHECK (used >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
COMMENT ON COLUMN parallelism.slots IS '0 = no cap';
INSERT INTO parallelism (slots) VALUES (32);

CREATE TABLE scheduler (
    id                  uuid PRIMARY KEY,
    renewed_at          timestamptz NOT NULL,
    renewed_at_tick     double precision NOT NULL,
    expired_at          timestamptz
) WITH (fillfactor = 50);
COMMENT ON COLUMN scheduler.expired_at IS 'tombstone: this id was taken for dead and never comes back';

CREATE TABLE worker (
    worker_id           text NOT NULL,
    incarnation         uuid NOT NULL,
    hostname            text NOT NULL,
    pid                 integer NOT NULL,
    kind                text NOT NULL,
    queues              text[] NOT NULL,
    concurrency         integer NOT NULL,
    sequence            bigint NOT NULL,
    attempts            integer NOT NULL,
    started_at          timestamptz NOT NULL,
    renewed_at          timestamptz NOT NULL,
    renewed_at_tick     double precision NOT NULL,
    expired_at          timestamptz,
    PRIMARY KEY (worker_id, incarnation)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN worker.expired_at IS 'tombstone: this incarnation was given up and never comes back';

CREATE TABLE lease_clock (
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    tick                double precision NOT NULL DEFAULT 0,
    lease_seconds       double precision NOT NULL DEFAULT 10,
    holder              uuid,
    ticked_at           timestamptz,
    silent_until_tick   double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON COLUMN lease_clock.tick IS 'seconds during which collectors were receiving';
INSERT INTO lease_clock DEFAULT VALUES;

CREATE TABLE variable (
    key                 text PRIMARY KEY,
    value               bytea NOT NULL,
    description         text
);
COMMENT ON COLUMN variable.value IS 'Fernet token';

CREATE TABLE connection (
    conn_id             text PRIMARY KEY,
    conn_type           text NOT NULL,
    description         text,
    host                text,
    login               text,
    schema              text,
    port                integer,
    password            bytea,
    extra               bytea
);
COMMENT ON COLUMN connection.password IS 'Fernet token';
COMMENT ON COLUMN connection.extra IS 'Fernet token';

CREATE TABLE app_user (
    username            text PRIMARY KEY,
    password_hash       text NOT NULL,
    role                text NOT NULL,
    created_at          timestamptz NOT NULL
);

CREATE TABLE service_heartbeat (
    service             text NOT NULL,
    instance            uuid NOT NULL,
    renewed_at          timestamptz NOT NULL,
    PRIMARY KEY (service, instance)
) WITH (fillfactor = 50);
