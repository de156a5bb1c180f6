-- What the API needs: who may do what, what was changed by whom, and what clients ask for beyond runs.

-- Facts about DAGs: favourites of people, files that people want parsed again, pools that a DAG's tasks name.
CREATE TABLE dag_favorite (
    username text NOT NULL,
    dag_id text NOT NULL REFERENCES dag ON DELETE CASCADE,
    PRIMARY KEY (username, dag_id)
);
CREATE INDEX dag_favorite_by_dag ON dag_favorite (dag_id);

CREATE TABLE parse_request (
    relative_fileloc text PRIMARY KEY,
    generation integer NOT NULL DEFAULT 0
);
COMMENT ON COLUMN parse_request.generation IS 'raised when it is wanted again before it was done';

ALTER TABLE dag
    ADD COLUMN pools text[] NOT NULL DEFAULT '{}',
    ADD COLUMN last_parse_duration double precision;
COMMENT ON COLUMN dag.last_parse_duration IS 'seconds that the last parse of its file took';
UPDATE dag
SET pools = ARRAY(
    SELECT DISTINCT task ->> 'pool' FROM json_array_elements(dag_version.spec -> 'tasks') AS task
    WHERE task ->> 'pool' IS NOT NULL ORDER BY 1)
FROM dag_version
WHERE dag_version.id = dag.dag_version_id;

ALTER TABLE asset_state_store
    ALTER COLUMN dag_id DROP NOT NULL,
    ALTER COLUMN run_id DROP NOT NULL,
    ALTER COLUMN task_id DROP NOT NULL,
    ALTER COLUMN map_index DROP NOT NULL;
COMMENT ON COLUMN asset_state_store.dag_id IS
    'who wrote it last: dag_id, run_id, task_id, map_index; null: a person, over the API';

-- Who may come in: what is known of users, tokens for programs, logins that were ended, logins that are counted.
ALTER TABLE app_user
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN first_name text NOT NULL DEFAULT '',
    ADD COLUMN last_name text NOT NULL DEFAULT '',
    ADD COLUMN email text NOT NULL DEFAULT '',
    ADD COLUMN is_active boolean NOT NULL DEFAULT true,
    ADD COLUMN external_id text UNIQUE,
    ADD COLUMN credentials_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Older services write 'admin'.
    ADD CONSTRAINT app_user_role_check CHECK (initcap(role) IN ('Admin', 'Op', 'User', 'Viewer', 'Public'));
UPDATE app_user SET role = initcap(role);
COMMENT ON COLUMN app_user.external_id IS 'who this is where they sign in, if that is elsewhere: issuer and subject';
COMMENT ON COLUMN app_user.credentials_id IS 'another one ends all tokens that logins were given before';

CREATE TABLE api_token (
    id uuid PRIMARY KEY,
    username text NOT NULL REFERENCES app_user ON DELETE CASCADE,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    prefix text NOT NULL,
    actions text[],
    dag_patterns text[],
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_token_by_user ON api_token (username);
COMMENT ON COLUMN api_token.actions IS 'null: all that its user may do';
COMMENT ON COLUMN api_token.dag_patterns IS 'null: all DAGs that its user may see';

CREATE TABLE revoked_token (
    id uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_token_by_expiry ON revoked_token (expires_at);

CREATE TABLE login_attempt (
    key bytea PRIMARY KEY,
    ends_at timestamptz NOT NULL,
    attempts integer NOT NULL
);
CREATE INDEX login_attempt_by_end ON login_attempt (ends_at);
COMMENT ON COLUMN login_attempt.key IS 'digest of a name or address: people type passwords where names belong';

CREATE TABLE identity_revision (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    revision bigint NOT NULL
);
INSERT INTO identity_revision (revision) VALUES (0);
COMMENT ON TABLE identity_revision IS 'raised with every change that ends or narrows what somebody may do';

-- What has changed: every change of a run's or a task instance's state, noted in the transaction that makes it
-- (docs/adr/0039-changes-are-noted-where-rows-change.md), and who has asked for a run already.
CREATE TABLE state_change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dag_run_id bigint NOT NULL,
    task_id text,
    map_index integer,
    try_number integer,
    state text NOT NULL
);
CREATE INDEX state_change_by_xid ON state_change (xid);
COMMENT ON TABLE state_change IS 'task_id null: of the run; read by services/tradewind/api/events';
COMMENT ON COLUMN state_change.xid IS 'whether a reader has seen it is asked of the snapshot of that reader';

CREATE TABLE state_change_floor (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    removed_through bigint NOT NULL
);
INSERT INTO state_change_floor (removed_through) VALUES (0);
COMMENT ON COLUMN state_change_floor.removed_through IS 'the highest seq that is no longer kept';

CREATE FUNCTION note_task_instances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO state_change (dag_run_id, task_id, map_index, try_number, state)
    SELECT dag_run_id, task_id, map_index, try_number, state FROM after_it
    EXCEPT ALL
    SELECT dag_run_id, task_id, map_index, try_number, state FROM before_it;
    RETURN NULL;
END $$;
CREATE FUNCTION note_task_instance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO state_change (dag_run_id, task_id, map_index, try_number, state)
    VALUES (new.dag_run_id, new.task_id, new.map_index, new.try_number, new.state);
    RETURN NULL;
END $$;
CREATE FUNCTION note_dag_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO state_change (dag_run_id, state) VALUES (new.id, new.state);
    RETURN NULL;
END $$;

-- Updates of task instances come in batches, so they are noted per statement; the others are few, or cost nothing.
CREATE TRIGGER note_changed AFTER UPDATE ON task_instance
    REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
    FOR EACH STATEMENT EXECUTE FUNCTION note_task_instances();
CREATE TRIGGER note_made AFTER INSERT ON task_instance
    FOR EACH ROW WHEN (new.state <> 'none') EXECUTE FUNCTION note_task_instance();
CREATE TRIGGER note_changed AFTER UPDATE OF state ON dag_run
    FOR EACH ROW WHEN (new.state <> old.state) EXECUTE FUNCTION note_dag_run();
CREATE TRIGGER note_made AFTER INSERT ON dag_run
    FOR EACH ROW EXECUTE FUNCTION note_dag_run();

CREATE TABLE trigger_key (
    scope text NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    dag_run_id bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX trigger_key_by_run ON trigger_key (dag_run_id);
CREATE INDEX trigger_key_by_age ON trigger_key (created_at);
COMMENT ON TABLE trigger_key IS 'who asked for a run under a key: asking again gives the same run';
COMMENT ON COLUMN trigger_key.digest IS 'of what was asked';

CREATE TABLE webhook (
    name text PRIMARY KEY,
    dag_id text NOT NULL,
    description text,
    format text NOT NULL CHECK (format IN ('tradewind', 'github')),
    conf_map json,
    events text[],
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_ends_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_ends_at IS NULL))
);
COMMENT ON COLUMN webhook.secret IS 'encrypted, as are values of connections';
COMMENT ON COLUMN webhook.conf_map IS 'conf key -> path in the payload; null: the whole payload';

-- Attempts that processes run over HTTP: the lease keeps what the attempt's end is to skip.

ALTER TABLE worker ADD COLUMN skips jsonb;

-- What people look for among all runs and task instances.

CREATE INDEX dag_run_by_start_date ON dag_run (start_date);
CREATE INDEX task_instance_troubled ON task_instance (start_date) WHERE state IN (
    'failed', 'upstream_failed', 'up_for_retry', 'up_for_reschedule', 'deferred', 'awaiting_input', 'restarting',
    'removed'
);

-- Who may do what to single DAGs, and what people did.
CREATE TABLE dag_permission (
    grantee_type text NOT NULL CHECK (grantee_type IN ('role', 'user')),
    grantee text NOT NULL,
    dag_id text NOT NULL,
    permissions text[] NOT NULL
        CHECK (permissions <> '{}' AND permissions <@ ARRAY['read', 'edit', 'trigger', 'delete']),
    PRIMARY KEY (grantee_type, grantee, dag_id)
);
COMMENT ON COLUMN dag_permission.dag_id IS 'of a DAG that may be yet to come: no foreign key';

CREATE INDEX dag_version_with_access_control ON dag_version (id) WHERE spec ->> 'access_control' IS NOT NULL;

CREATE TABLE event_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL,
    event text NOT NULL,
    dag_id text,
    run_id text,
    task_id text,
    map_index integer,
    try_number integer,
    logical_date timestamptz,
    owner text,
    extra text,
    via text,
    remote_address text,
    status smallint
);
CREATE INDEX event_log_by_time ON event_log (created_at);
CREATE INDEX event_log_by_dag ON event_log (dag_id, id) WHERE dag_id IS NOT NULL;
COMMENT ON TABLE event_log IS 'what people asked to be changed, and how it ended; only ever appended to';
COMMENT ON COLUMN event_log.event IS 'the operation';
COMMENT ON COLUMN event_log.owner IS 'who asked for it; null: a login of nobody known';

-- Jobs: since when schedulers and services live, and where.
ALTER TABLE scheduler ADD COLUMN hostname text, ADD COLUMN started_at timestamptz;
ALTER TABLE service_heartbeat ADD COLUMN hostname text, ADD COLUMN started_at timestamptz;

-- Retention: tries that are over by month, so that old ones are dropped as a table; and what `db clean` took away.
CREATE TABLE archived_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    archived_at timestamptz NOT NULL,
    table_name text NOT NULL,
    content jsonb NOT NULL
);
CREATE INDEX archived_row_by_table ON archived_row (table_name, id);
COMMENT ON TABLE archived_row IS 'what `db clean` deleted, until it is exported or dropped';

-- Both wait a moment only for whoever writes history just then: the caller comes again.
CREATE FUNCTION add_history_partition(partition text, begins timestamptz, ends timestamptz) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(partition)); -- every process of the API may be about to make it
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF task_instance_history FOR VALUES FROM (%L) TO (%L)', partition, begins, ends
    );
    RETURN true;
END $$;
CREATE FUNCTION drop_history_partition(partition text) RETURNS bigint
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    staying bigint[];
    moved bigint;
BEGIN
    -- Found before the table is locked: runs that are kept however old they are, such as the last one of a DAG.
    EXECUTE format(
        'SELECT coalesce(array_agg(DISTINCT h.dag_run_id), ''{}'') FROM %I h JOIN dag_run r ON r.id = h.dag_run_id',
        partition
    ) INTO staying;
    EXECUTE format('ALTER TABLE task_instance_history DETACH PARTITION %I', partition);
    EXECUTE format(
        'INSERT INTO task_instance_history SELECT * FROM %I WHERE dag_run_id = ANY($1)', partition
    ) USING staying;
    GET DIAGNOSTICS moved = ROW_COUNT;
    EXECUTE format('DROP TABLE %I', partition);
    RETURN moved;
END $$;

-- Connections that somebody wants tested.
CREATE TABLE connection_test (
    id uuid PRIMARY KEY,
    token_digest bytea NOT NULL UNIQUE,
    connection_id text NOT NULL,
    connection bytea,
    commit_on_success boolean NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'success', 'failed')),
    result_message text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX connection_test_active ON connection_test (connection_id) WHERE ended_at IS NULL;
COMMENT ON COLUMN connection_test.connection IS 'its fields, encrypted; gone once the test is over';

UPDATE schema_range SET newest = 8;
