"""A trail of every state that a task instance or a run was in, written by triggers in the database under test."""

from typing import Final

import asyncpg

_AUDIT: Final = """
CREATE TABLE chaos_trail (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_run_id bigint NOT NULL,
    task_id text,
    map_index integer,
    try_number integer,
    attempt_id uuid,
    old_state text NOT NULL,
    new_state text NOT NULL,
    cause text,
    detail text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION chaos_note_task_instance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_trail (
        dag_run_id, task_id, map_index, try_number, attempt_id, old_state, new_state, cause, detail
    ) VALUES (
        NEW.dag_run_id, NEW.task_id, NEW.map_index, NEW.try_number,
        CASE WHEN NEW.state = 'queued' THEN NEW.attempt_id ELSE OLD.attempt_id END,
        OLD.state, NEW.state, NEW.cause, NEW.detail
    );
    RETURN NULL;
END $$;
CREATE FUNCTION chaos_note_dag_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_trail (dag_run_id, old_state, new_state) VALUES (NEW.id, OLD.state, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_task_instance AFTER UPDATE OF state ON task_instance
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION chaos_note_task_instance();
CREATE TRIGGER chaos_dag_run AFTER UPDATE OF state ON dag_run
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION chaos_note_dag_run();
"""


async def install(database_url: str) -> None:
    """From now on, `chaos_trail` has a row for each change of state."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_AUDIT)
    finally:
        await connection.close()
