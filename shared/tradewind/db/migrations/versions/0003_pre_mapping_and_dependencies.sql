-- Mapped task instances, and what a branch did not choose.

ALTER TABLE task_instance
    ADD COLUMN map_length integer,
    ADD COLUMN rendered_map_index text,
    ADD COLUMN skip_requested boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN task_instance.map_length IS 'items of the return value, if something downstream maps over it';
COMMENT ON COLUMN task_instance.skip_requested IS 'a branch upstream did not choose it';

UPDATE schema_range SET newest = 3;
