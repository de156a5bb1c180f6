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

UPDATE schema_range SET newest = 8;
