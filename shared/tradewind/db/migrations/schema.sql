-- The schema that all migrations make, from the catalogues; renewed by tradewind.db.schema_dump.

CREATE TABLE app_user (
    username                        text NOT NULL,
    password_hash                   text NOT NULL,
    role                            text NOT NULL,
    created_at                      timestamp with time zone NOT NULL,
    CONSTRAINT app_user_pkey PRIMARY KEY (username)
);

CREATE TABLE asset_state_store (
    asset_name                      text NOT NULL,
    asset_uri                       text NOT NULL,
    key                             text NOT NULL,
    value                           bytea NOT NULL,
    updated_at                      timestamp with time zone NOT NULL,
    dag_id                          text NOT NULL,
    run_id                          text NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL,
    CONSTRAINT asset_state_store_pkey PRIMARY KEY (asset_name, asset_uri, key)
);

CREATE TABLE connection (
    conn_id                         text NOT NULL,
    conn_type                       text NOT NULL,
    description                     text,
    host                            text,
    login                           text,
    schema                          text,
    port                            integer,
    password                        bytea,
    extra                           bytea,
    CONSTRAINT connection_pkey PRIMARY KEY (conn_id)
);

CREATE TABLE dag (
    dag_id                          text NOT NULL,
    dag_display_name                text,
    relative_fileloc                text NOT NULL,
    dag_version_id                  uuid NOT NULL,
    is_paused                       boolean NOT NULL,
    is_stale                        boolean NOT NULL DEFAULT false,
    has_import_errors               boolean NOT NULL DEFAULT false,
    description                     text,
    tags                            text[] NOT NULL DEFAULT '{}'::text[],
    owners                          text[] NOT NULL DEFAULT '{}'::text[],
    timetable_summary               text,
    timetable_description           text,
    max_active_tasks                integer NOT NULL,
    max_active_runs                 integer NOT NULL,
    max_consecutive_failed_dag_runs integer NOT NULL DEFAULT 0,
    has_task_concurrency_limits     boolean NOT NULL DEFAULT false,
    last_parsed_time                timestamp with time zone,
    last_expired                    timestamp with time zone,
    next_dagrun_logical_date        timestamp with time zone,
    next_dagrun_data_interval_start timestamp with time zone,
    next_dagrun_data_interval_end   timestamp with time zone,
    next_dagrun_run_after           timestamp with time zone,
    CONSTRAINT dag_dag_version_id_fkey FOREIGN KEY (dag_version_id) REFERENCES dag_version(id),
    CONSTRAINT dag_pkey PRIMARY KEY (dag_id)
);

CREATE TABLE dag_file (
    relative_fileloc                text NOT NULL,
    file_digest                     text NOT NULL,
    dependencies                    json NOT NULL DEFAULT '{}'::json,
    last_parsed_at                  timestamp with time zone NOT NULL,
    CONSTRAINT dag_file_pkey PRIMARY KEY (relative_fileloc)
);

CREATE TABLE dag_run (
    id                              bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    dag_id                          text NOT NULL,
    run_id                          text NOT NULL,
    state                           text NOT NULL,
    run_type                        text NOT NULL,
    triggered_by                    text NOT NULL,
    triggering_user_name            text,
    logical_date                    timestamp with time zone,
    data_interval_start             timestamp with time zone,
    data_interval_end               timestamp with time zone,
    run_after                       timestamp with time zone NOT NULL,
    queued_at                       timestamp with time zone NOT NULL,
    start_date                      timestamp with time zone,
    end_date                        timestamp with time zone,
    last_scheduling_decision        timestamp with time zone,
    conf                            json NOT NULL DEFAULT '{}'::json,
    note                            text,
    bundle_version                  text,
    dag_version_id                  uuid NOT NULL,
    owner                           uuid,
    owner_epoch                     integer NOT NULL DEFAULT 0,
    revision                        integer NOT NULL DEFAULT 0,
    timeout_at                      timestamp with time zone,
    backfill_id                     bigint,
    CONSTRAINT dag_run_dag_id_logical_date_key UNIQUE (dag_id, logical_date),
    CONSTRAINT dag_run_dag_id_run_id_key UNIQUE (dag_id, run_id),
    CONSTRAINT dag_run_dag_version_id_fkey FOREIGN KEY (dag_version_id) REFERENCES dag_version(id),
    CONSTRAINT dag_run_pkey PRIMARY KEY (id),
    CONSTRAINT dag_run_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'failed'::text])))
) WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.05);

CREATE TABLE dag_version (
    id                              uuid NOT NULL,
    dag_id                          text NOT NULL,
    version_number                  integer NOT NULL,
    structure_digest                text NOT NULL,
    file_digest                     text NOT NULL,
    relative_fileloc                text NOT NULL,
    spec                            json NOT NULL,
    created_at                      timestamp with time zone NOT NULL,
    CONSTRAINT dag_version_dag_id_version_number_key UNIQUE (dag_id, version_number),
    CONSTRAINT dag_version_pkey PRIMARY KEY (id)
);

CREATE TABLE import_error (
    id                              bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    relative_fileloc                text NOT NULL,
    stacktrace                      text NOT NULL,
    created_at                      timestamp with time zone NOT NULL,
    CONSTRAINT import_error_pkey PRIMARY KEY (id),
    CONSTRAINT import_error_relative_fileloc_key UNIQUE (relative_fileloc)
);

CREATE TABLE lease_clock (
    singleton                       boolean NOT NULL DEFAULT true,
    tick                            double precision NOT NULL DEFAULT 0,
    lease_seconds                   double precision NOT NULL DEFAULT 10,
    holder                          uuid,
    ticked_at                       timestamp with time zone,
    silent_until_tick               double precision NOT NULL DEFAULT 0,
    CONSTRAINT lease_clock_pkey PRIMARY KEY (singleton),
    CONSTRAINT lease_clock_singleton_check CHECK (singleton)
) WITH (fillfactor=50);

CREATE TABLE parallelism (
    singleton                       boolean NOT NULL DEFAULT true,
    slots                           integer NOT NULL,
    used                            integer NOT NULL DEFAULT 0,
    CONSTRAINT parallelism_pkey PRIMARY KEY (singleton),
    CONSTRAINT parallelism_singleton_check CHECK (singleton),
    CONSTRAINT parallelism_used_check CHECK ((used >= 0))
) WITH (fillfactor=50, autovacuum_vacuum_threshold=200, autovacuum_vacuum_scale_factor=0);

CREATE TABLE scheduler (
    id                              uuid NOT NULL,
    renewed_at                      timestamp with time zone NOT NULL,
    renewed_at_tick                 double precision NOT NULL,
    expired_at                      timestamp with time zone,
    CONSTRAINT scheduler_pkey PRIMARY KEY (id)
) WITH (fillfactor=50);

CREATE TABLE schema_range (
    singleton                       boolean NOT NULL DEFAULT true,
    oldest                          integer NOT NULL,
    newest                          integer NOT NULL,
    CONSTRAINT schema_range_check CHECK ((oldest <= newest)),
    CONSTRAINT schema_range_pkey PRIMARY KEY (singleton),
    CONSTRAINT schema_range_singleton_check CHECK (singleton)
);

CREATE TABLE service_heartbeat (
    service                         text NOT NULL,
    instance                        uuid NOT NULL,
    renewed_at                      timestamp with time zone NOT NULL,
    CONSTRAINT service_heartbeat_pkey PRIMARY KEY (service, instance)
) WITH (fillfactor=50);

CREATE TABLE slot_pool (
    pool                            text NOT NULL,
    slots                           integer NOT NULL,
    used                            integer NOT NULL DEFAULT 0,
    description                     text,
    include_deferred                boolean NOT NULL DEFAULT false,
    CONSTRAINT slot_pool_pkey PRIMARY KEY (pool),
    CONSTRAINT slot_pool_used_check CHECK ((used >= 0))
) WITH (fillfactor=50, autovacuum_vacuum_threshold=200, autovacuum_vacuum_scale_factor=0);

CREATE TABLE task_instance (
    dag_run_id                      bigint NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL DEFAULT '-1'::integer,
    id                              uuid NOT NULL DEFAULT gen_random_uuid(),
    state                           text NOT NULL DEFAULT 'none'::text,
    try_number                      integer NOT NULL DEFAULT 0,
    max_tries                       integer NOT NULL,
    attempt_id                      uuid,
    lost_attempts                   integer NOT NULL DEFAULT 0,
    dispatch_failures               integer NOT NULL DEFAULT 0,
    held_slots                      integer NOT NULL DEFAULT 0,
    end_pending                     boolean NOT NULL DEFAULT false,
    next_action_at                  timestamp with time zone,
    scheduled_at                    timestamp with time zone,
    queued_at                       timestamp with time zone,
    published_at                    timestamp with time zone,
    publish_count                   integer NOT NULL DEFAULT 0,
    start_date                      timestamp with time zone,
    code_started_at                 timestamp with time zone,
    end_date                        timestamp with time zone,
    recorded_at                     timestamp with time zone,
    cause                           text,
    detail                          text,
    worker_id                       text,
    incarnation                     uuid,
    nonce                           bigint,
    claimed_at_tick                 double precision,
    missing_beats                   integer NOT NULL DEFAULT 0,
    hostname                        text,
    pid                             integer,
    pool                            text NOT NULL,
    pool_slots                      integer NOT NULL,
    queue                           text NOT NULL,
    executor                        text,
    priority_weight                 integer NOT NULL,
    operator                        text NOT NULL,
    task_display_name               text,
    rendered_fields                 bytea,
    note                            text,
    map_length                      integer,
    rendered_map_index              text,
    skip_requested                  boolean NOT NULL DEFAULT false,
    is_resuming                     boolean NOT NULL DEFAULT false,
    first_start_date                timestamp with time zone,
    task_reschedule_count           integer NOT NULL DEFAULT 0,
    next_method                     text,
    next_kwargs                     bytea,
    CONSTRAINT task_instance_dag_run_id_fkey FOREIGN KEY (dag_run_id) REFERENCES dag_run(id) ON DELETE CASCADE,
    CONSTRAINT task_instance_held_slots_check CHECK ((held_slots >= 0)),
    CONSTRAINT task_instance_pkey PRIMARY KEY (dag_run_id, task_id, map_index),
    CONSTRAINT task_instance_state_check CHECK ((state = ANY (ARRAY['none'::text, 'scheduled'::text, 'queued'::text, 'running'::text, 'restarting'::text, 'success'::text, 'failed'::text, 'skipped'::text, 'upstream_failed'::text, 'up_for_retry'::text, 'up_for_reschedule'::text, 'deferred'::text, 'awaiting_input'::text, 'removed'::text])))
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.05);

CREATE TABLE task_instance_history (
    dag_run_id                      bigint NOT NULL,
    dag_id                          text NOT NULL,
    run_id                          text NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL,
    try_number                      integer NOT NULL,
    attempt_id                      uuid NOT NULL,
    id                              uuid NOT NULL,
    state                           text NOT NULL,
    max_tries                       integer NOT NULL,
    scheduled_at                    timestamp with time zone,
    queued_at                       timestamp with time zone,
    start_date                      timestamp with time zone,
    code_started_at                 timestamp with time zone,
    end_date                        timestamp with time zone,
    recorded_at                     timestamp with time zone NOT NULL,
    cause                           text,
    detail                          text,
    worker_id                       text,
    hostname                        text,
    pid                             integer,
    pool                            text NOT NULL,
    pool_slots                      integer NOT NULL,
    queue                           text NOT NULL,
    executor                        text,
    priority_weight                 integer NOT NULL,
    operator                        text NOT NULL,
    task_display_name               text,
    rendered_fields                 bytea,
    CONSTRAINT task_instance_history_pkey PRIMARY KEY (dag_run_id, task_id, map_index, try_number, attempt_id, recorded_at)
) PARTITION BY RANGE (recorded_at);

CREATE TABLE task_instance_history_default (
    dag_run_id                      bigint NOT NULL,
    dag_id                          text NOT NULL,
    run_id                          text NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL,
    try_number                      integer NOT NULL,
    attempt_id                      uuid NOT NULL,
    id                              uuid NOT NULL,
    state                           text NOT NULL,
    max_tries                       integer NOT NULL,
    scheduled_at                    timestamp with time zone,
    queued_at                       timestamp with time zone,
    start_date                      timestamp with time zone,
    code_started_at                 timestamp with time zone,
    end_date                        timestamp with time zone,
    recorded_at                     timestamp with time zone NOT NULL,
    cause                           text,
    detail                          text,
    worker_id                       text,
    hostname                        text,
    pid                             integer,
    pool                            text NOT NULL,
    pool_slots                      integer NOT NULL,
    queue                           text NOT NULL,
    executor                        text,
    priority_weight                 integer NOT NULL,
    operator                        text NOT NULL,
    task_display_name               text,
    rendered_fields                 bytea,
    CONSTRAINT task_instance_history_default_pkey PRIMARY KEY (dag_run_id, task_id, map_index, try_number, attempt_id, recorded_at)
) PARTITION OF task_instance_history DEFAULT;

CREATE TABLE task_log (
    dag_run_id                      bigint NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL,
    try_number                      integer NOT NULL,
    attempt_id                      uuid NOT NULL,
    sequence                        integer NOT NULL,
    created_at                      timestamp with time zone NOT NULL,
    lines                           bytea NOT NULL,
    CONSTRAINT task_log_dag_run_id_fkey FOREIGN KEY (dag_run_id) REFERENCES dag_run(id) ON DELETE CASCADE,
    CONSTRAINT task_log_pkey PRIMARY KEY (dag_run_id, task_id, map_index, try_number, attempt_id, sequence)
);

CREATE TABLE task_state_store (
    dag_run_id                      bigint NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL DEFAULT '-1'::integer,
    key                             text NOT NULL,
    value                           bytea NOT NULL,
    expires_at                      timestamp with time zone,
    updated_at                      timestamp with time zone NOT NULL,
    CONSTRAINT task_state_store_dag_run_id_fkey FOREIGN KEY (dag_run_id) REFERENCES dag_run(id) ON DELETE CASCADE,
    CONSTRAINT task_state_store_pkey PRIMARY KEY (dag_run_id, task_id, map_index, key)
);

CREATE TABLE trigger (
    id                              bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    dag_run_id                      bigint NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL,
    attempt_id                      uuid NOT NULL,
    classpath                       text NOT NULL,
    kwargs                          bytea NOT NULL,
    queue                           text,
    timeout_at                      timestamp with time zone,
    human_input                     bytea,
    created_at                      timestamp with time zone NOT NULL,
    triggerer_id                    uuid,
    CONSTRAINT trigger_attempt_id_key UNIQUE (attempt_id),
    CONSTRAINT trigger_dag_run_id_fkey FOREIGN KEY (dag_run_id) REFERENCES dag_run(id) ON DELETE CASCADE,
    CONSTRAINT trigger_pkey PRIMARY KEY (id),
    CONSTRAINT trigger_triggerer_id_fkey FOREIGN KEY (triggerer_id) REFERENCES triggerer(id) ON DELETE SET NULL
);

CREATE TABLE triggerer (
    id                              uuid NOT NULL,
    hostname                        text NOT NULL,
    capacity                        integer NOT NULL,
    renewed_at                      timestamp with time zone NOT NULL,
    renewed_at_tick                 double precision NOT NULL,
    CONSTRAINT triggerer_pkey PRIMARY KEY (id)
) WITH (fillfactor=50);

CREATE TABLE variable (
    key                             text NOT NULL,
    value                           bytea NOT NULL,
    description                     text,
    CONSTRAINT variable_pkey PRIMARY KEY (key)
);

CREATE TABLE worker (
    worker_id                       text NOT NULL,
    incarnation                     uuid NOT NULL,
    hostname                        text NOT NULL,
    pid                             integer NOT NULL,
    kind                            text NOT NULL,
    queues                          text[] NOT NULL,
    concurrency                     integer NOT NULL,
    sequence                        bigint NOT NULL,
    attempts                        integer NOT NULL,
    started_at                      timestamp with time zone NOT NULL,
    renewed_at                      timestamp with time zone NOT NULL,
    renewed_at_tick                 double precision NOT NULL,
    expired_at                      timestamp with time zone,
    CONSTRAINT worker_pkey PRIMARY KEY (worker_id, incarnation)
) WITH (fillfactor=50, autovacuum_vacuum_threshold=200, autovacuum_vacuum_scale_factor=0.05);

CREATE TABLE xcom (
    dag_run_id                      bigint NOT NULL,
    task_id                         text NOT NULL,
    map_index                       integer NOT NULL DEFAULT '-1'::integer,
    key                             text NOT NULL,
    value                           bytea NOT NULL,
    created_at                      timestamp with time zone NOT NULL,
    CONSTRAINT xcom_dag_run_id_fkey FOREIGN KEY (dag_run_id) REFERENCES dag_run(id) ON DELETE CASCADE,
    CONSTRAINT xcom_pkey PRIMARY KEY (dag_run_id, task_id, map_index, key)
);

CREATE INDEX asset_state_store_by_uri ON public.asset_state_store USING btree (asset_uri, key);

CREATE INDEX dag_by_file ON public.dag USING btree (relative_fileloc);

CREATE INDEX dag_run_by_run_after ON public.dag_run USING btree (dag_id, run_after);

CREATE INDEX dag_run_by_version ON public.dag_run USING btree (dag_version_id);

CREATE INDEX dag_run_queued ON public.dag_run USING btree (dag_id, run_after, id) WHERE (state = 'queued'::text);

CREATE INDEX dag_run_running ON public.dag_run USING btree (owner, id) WHERE (state = 'running'::text);

CREATE INDEX dag_run_running_by_dag ON public.dag_run USING btree (dag_id) WHERE (state = 'running'::text);

CREATE INDEX task_instance_holding ON public.task_instance USING btree (pool) WHERE (held_slots > 0);

CREATE INDEX task_instance_running ON public.task_instance USING btree (incarnation) WHERE (state = ANY (ARRAY['running'::text, 'restarting'::text]));

CREATE INDEX task_instance_unclaimed ON public.task_instance USING btree (dag_run_id) WHERE (state = 'queued'::text);

CREATE INDEX task_instance_undecided ON public.task_instance USING btree (dag_run_id) WHERE end_pending;

CREATE INDEX trigger_by_dag_run ON public.trigger USING btree (dag_run_id);

CREATE INDEX trigger_by_timeout ON public.trigger USING btree (timeout_at) WHERE (timeout_at IS NOT NULL);

CREATE INDEX trigger_by_triggerer ON public.trigger USING btree (triggerer_id, id) WHERE (classpath <> ''::text);

CREATE INDEX trigger_unowned ON public.trigger USING btree (id) WHERE ((triggerer_id IS NULL) AND (classpath <> ''::text));

CREATE UNIQUE INDEX task_instance_attempt ON public.task_instance USING btree (attempt_id) WHERE (attempt_id IS NOT NULL);

COMMENT ON COLUMN asset_state_store.asset_name IS 'empty = written through a reference by URI alone';

COMMENT ON COLUMN asset_state_store.asset_uri IS 'empty = written through a reference by name alone';

COMMENT ON COLUMN asset_state_store.dag_id IS 'who wrote it last: dag_id, run_id, task_id, map_index';

COMMENT ON COLUMN connection.password IS 'Fernet token';

COMMENT ON COLUMN connection.extra IS 'Fernet token';

COMMENT ON COLUMN dag_file.dependencies IS 'what else the parse read: name -> fingerprint';

COMMENT ON COLUMN dag_run.timeout_at IS 'start_date + the DAG''s dagrun_timeout';

COMMENT ON COLUMN lease_clock.tick IS 'seconds during which collectors were receiving';

COMMENT ON COLUMN parallelism.slots IS '0 = no cap';

COMMENT ON COLUMN scheduler.expired_at IS 'tombstone: this id was taken for dead and never comes back';

COMMENT ON COLUMN slot_pool.slots IS '-1 = unlimited';

COMMENT ON COLUMN task_instance.attempt_id IS 'fencing token of the latest attempt: every write of an attempt names it';

COMMENT ON COLUMN task_instance.held_slots IS 'part of slot_pool.used; 1 of parallelism is held whenever this is not 0';

COMMENT ON COLUMN task_instance.rendered_fields IS 'template fields after rendering, a JSON object';

COMMENT ON COLUMN task_instance.map_length IS 'items of the return value, if something downstream maps over it';

COMMENT ON COLUMN task_instance.skip_requested IS 'a branch upstream did not choose it';

COMMENT ON COLUMN task_instance.is_resuming IS 'entering queued goes on with the same try';

COMMENT ON COLUMN task_instance.first_start_date IS 'start of the first attempt of this try';

COMMENT ON COLUMN task_instance.next_kwargs IS 'JSON text; the trigger''s event is added when it fires';

COMMENT ON COLUMN task_log.lines IS 'whole NDJSON lines';

COMMENT ON COLUMN task_state_store.value IS 'JSON text as the task gave it; kept over the tries';

COMMENT ON COLUMN task_state_store.expires_at IS 'null = as long as the run exists';

COMMENT ON COLUMN trigger.attempt_id IS 'the attempt that was deferred: nothing else may be resumed by it';

COMMENT ON COLUMN trigger.classpath IS 'empty: only a person, or the timeout, ends the wait';

COMMENT ON COLUMN variable.value IS 'Fernet token';

COMMENT ON COLUMN worker.expired_at IS 'tombstone: this incarnation was given up and never comes back';

COMMENT ON COLUMN xcom.value IS 'JSON text as the task gave it';
