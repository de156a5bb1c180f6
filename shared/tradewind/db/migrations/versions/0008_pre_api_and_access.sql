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

ALTER TABLE dag ADD COLUMN pools text[] NOT NULL DEFAULT '{}';
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

UPDATE schema_range SET newest = 8;
