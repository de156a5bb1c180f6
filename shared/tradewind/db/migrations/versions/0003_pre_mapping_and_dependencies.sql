-- Mapped task instances, and what a branch did not choose.

ALTER TABLE task_instance
    ADD COLUMN map_length integer,
    ADD COLUMN rendered_map_index text,
    ADD COLUMN skip_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN kept_slots integer NOT NULL DEFAULT 0 CHECK (kept_slots >= 0);
COMMENT ON COLUMN task_instance.map_length IS 'items of the return value, if something downstream maps over it';
COMMENT ON COLUMN task_instance.kept_slots IS 'part of slot_pool.used: it is deferred, and its pool counts deferred tasks';
COMMENT ON COLUMN task_instance.skip_requested IS 'a branch upstream did not choose it';

CREATE INDEX task_instance_keeping ON task_instance (pool) WHERE kept_slots > 0;

UPDATE schema_range SET newest = 3;
