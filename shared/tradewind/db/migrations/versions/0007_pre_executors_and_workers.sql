-- What executors and workers need: bundles, logs, the fleet.

-- DAG bundles by content.
CREATE TABLE bundle_blob (
    digest text PRIMARY KEY,
    size bigint NOT NULL,
    content bytea NOT NULL
);
ALTER TABLE bundle_blob ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE bundle_manifest (
    digest text PRIMARY KEY,
    content bytea NOT NULL
);

CREATE TABLE bundle_manifest_blob (
    manifest_digest text NOT NULL REFERENCES bundle_manifest (digest) ON DELETE CASCADE,
    blob_digest text NOT NULL,
    PRIMARY KEY (manifest_digest, blob_digest)
);
COMMENT ON TABLE bundle_manifest_blob IS 'Written before the contents are, which it keeps';
CREATE INDEX bundle_manifest_blob_by_blob ON bundle_manifest_blob (blob_digest);

CREATE TABLE dag_bundle_version (
    bundle_name text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL REFERENCES bundle_manifest (digest),
    created_at timestamptz NOT NULL,
    left_at timestamptz,
    PRIMARY KEY (bundle_name, version)
);
COMMENT ON COLUMN dag_bundle_version.left_at IS 'When another took its place, or, before it is whole, when it was begun; null = current';
CREATE INDEX dag_bundle_version_by_digest ON dag_bundle_version (digest);
CREATE INDEX dag_bundle_version_left ON dag_bundle_version (left_at) WHERE left_at IS NOT NULL;

CREATE TABLE dag_bundle (
    name text PRIMARY KEY,
    version text,
    error text,
    refreshed_at timestamptz NOT NULL
);
COMMENT ON COLUMN dag_bundle.version IS 'What new runs are made on; null = its content could not be stored';

ALTER TABLE dag
    ADD COLUMN bundle_name text NOT NULL DEFAULT 'dags-folder',
    ADD COLUMN bundle_version text,
    ADD COLUMN disable_bundle_versioning boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN dag.bundle_version IS 'Null = the current one of its bundle; else what its last good parse read, empty if that was never stored';
CREATE INDEX dag_held_back ON dag (bundle_version) WHERE bundle_version IS NOT NULL;

ALTER TABLE dag_version
    ADD COLUMN bundle_name text NOT NULL DEFAULT 'dags-folder',
    ADD COLUMN bundle_version text;
CREATE INDEX dag_version_by_bundle ON dag_version (bundle_version) WHERE bundle_version IS NOT NULL;

CREATE INDEX dag_run_by_bundle ON dag_run (bundle_version) WHERE bundle_version IS NOT NULL;

-- Tasks run by hand.
ALTER TABLE task_instance ADD COLUMN by_hand jsonb;
COMMENT ON COLUMN task_instance.by_hand IS 'how a person had it run: flags, queue, executor; kept until it is cleared';

-- Logs that were moved to the log store.
CREATE TABLE task_log_file (
    dag_run_id bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id text NOT NULL,
    map_index integer NOT NULL,
    try_number integer NOT NULL,
    base text NOT NULL,
    path text NOT NULL,
    claim uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    moved_at timestamptz,
    size_bytes bigint,
    PRIMARY KEY (dag_run_id, task_id, map_index, try_number)
);
COMMENT ON COLUMN task_log_file.base IS 'the store: s3://bucket/prefix or file:///folder';
COMMENT ON COLUMN task_log_file.moved_at IS 'null = somebody (claim) is moving it: the chunks in task_log are the log';

-- The fleet.
ALTER TABLE worker
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN pools text[] NOT NULL DEFAULT '{}',
    ADD COLUMN is_draining boolean NOT NULL DEFAULT false,
    ADD COLUMN drain_asked_at timestamptz;
COMMENT ON COLUMN worker.pools IS 'pools that it takes tasks of; none = of all';
COMMENT ON COLUMN worker.is_draining IS 'as it says itself: it takes nothing any more';
COMMENT ON COLUMN worker.drain_asked_at IS 'a person or a scale-down wants it to leave: the answer to its next heartbeat says so';

UPDATE schema_range SET newest = 7;
