CREATE TABLE dag_version (
    id                  uuid PRIMARY KEY,
    dag_id              text NOT NULL,
    version_number      integer NOT NULL,
    structure_digest    text NOT NULL,
    file_digest         text NOT NULL,
    relative_fileloc    text NOT NULL,
    spec                jsonb NOT NULL,
    created_at          timestamptz NOT NULL,
    UNIQUE (dag_id, version_number)
);
CREATE TABLE dag_file (
    relative_fileloc    text PRIMARY KEY,
    file_digest         text NOT NULL,
    dependencies        jsonb NOT NULL DEFAULT '{}',   -- what else the parse read: name -> fingerprint
    last_parsed_at      timestamptz NOT NULL
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
    conf                jsonb NOT NULL DEFAULT '{}',
    note                text,
    bundle_version      text,
    dag_version_id      uuid NOT NULL REFERENCES dag_version,
    owner               uuid,
    owner_epoch         integer NOT NULL DEFAULT 0,
    revision            integer NOT NULL DEFAULT 0,
    UNIQUE (dag_id, run_id),
    UNIQUE (dag_id, logical_date)
);
CREATE TABLE task_instance (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL DEFAULT -1,
    id                  uuid NOT NULL,
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
    rendered_fields     jsonb,
    note                text,
    PRIMARY KEY (dag_run_id, task_id, map_index)
) WITH (fillfactor = 70);
-- task_instance_history: the same description columns, key (dag_run_id, task_id, map_index, try_number)
CREATE TABLE xcom (
    dag_run_id          bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id             text NOT NULL,
    map_index           integer NOT NULL DEFAULT -1,
    key                 text NOT NULL,
    value               jsonb,
    created_at          timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index, key)
);
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
CREATE TABLE import_error (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relative_fileloc    text NOT NULL UNIQUE,
    stacktrace          text NOT NULL,
    created_at          timestamptz NOT NULL
);
CREATE TABLE slot_pool (
    pool                text PRIMARY KEY,
    slots               integer NOT NULL,
    used                integer NOT NULL DEFAULT 0,
    description         text,
    include_deferred    boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE TABLE parallelism (          -- exactly one row
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    slots               integer NOT NULL,
    used                integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE scheduler (
    id                  uuid PRIMARY KEY,
    renewed_at_tick     double precision NOT NULL,
    renewed_at          timestamptz NOT NULL
);
CREATE TABLE worker (
    worker_id           text NOT NULL,
    incarnation         uuid NOT NULL,
    hostname text NOT NULL, pid integer NOT NULL, kind text NOT NULL, queues text[] NOT NULL, concurrency integer NOT NULL,
    sequence            bigint NOT NULL,
    attempts            integer NOT NULL,
    started_at          timestamptz NOT NULL,
    renewed_at          timestamptz NOT NULL,
    renewed_at_tick     double precision NOT NULL,
    expired_at          timestamptz,          -- tombstone
    PRIMARY KEY (worker_id, incarnation)
);
CREATE TABLE lease_clock (          -- exactly one row
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    tick                double precision NOT NULL DEFAULT 0,   -- seconds that collectors were receiving
    holder              uuid,
    ticked_at           timestamptz,
    silent_until_tick   double precision NOT NULL DEFAULT 0
);
CREATE TABLE variable (
    key                 text PRIMARY KEY,
    value               bytea NOT NULL,       -- Fernet token
    description         text
);
CREATE TABLE connection (
    conn_id             text PRIMARY KEY,
    conn_type text NOT NULL, description text, host text, login text, schema text, port integer,
    password            bytea, extra bytea    -- Fernet tokens
);
CREATE TABLE app_user (
    username            text PRIMARY KEY,
    password_hash       text NOT NULL,
    role                text NOT NULL,
    created_at          timestamptz NOT NULL
);
CREATE TABLE service_heartbeat (    -- for /api/v2/monitor/health
    service             text NOT NULL,
    instance            uuid NOT NULL,
    renewed_at          timestamptz NOT NULL,
    PRIMARY KEY (service, instance)
);
