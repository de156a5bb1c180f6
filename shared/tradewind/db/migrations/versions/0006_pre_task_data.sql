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

UPDATE schema_range SET newest = 6;
