-- What tasks keep: state stores and the like.

CREATE TABLE task_state_store (
    dag_run_id bigint NOT NULL REFERENCES dag_run (id) ON DELETE CASCADE,
    task_id text NOT NULL,
    map_index integer NOT NULL DEFAULT -1,
    key text NOT NULL,
    value bytea NOT NULL,
    expires_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index, key)
);
COMMENT ON COLUMN task_state_store.value IS 'JSON text as the task gave it; kept over the tries';
COMMENT ON COLUMN task_state_store.expires_at IS 'null = as long as the run exists';

CREATE TABLE asset_state_store (
    asset_name text NOT NULL,
    asset_uri text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    updated_at timestamptz NOT NULL,
    dag_id text NOT NULL,
    run_id text NOT NULL,
    task_id text NOT NULL,
    map_index integer NOT NULL,
    PRIMARY KEY (asset_name, asset_uri, key)
);
CREATE INDEX asset_state_store_by_uri ON asset_state_store (asset_uri, key);
COMMENT ON COLUMN asset_state_store.asset_name IS 'empty = written through a reference by URI alone';
COMMENT ON COLUMN asset_state_store.asset_uri IS 'empty = written through a reference by name alone';
COMMENT ON COLUMN asset_state_store.dag_id IS 'who wrote it last: dag_id, run_id, task_id, map_index';

UPDATE schema_range SET newest = 6;
