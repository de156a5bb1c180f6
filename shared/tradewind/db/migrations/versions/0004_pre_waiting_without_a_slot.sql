-- Deferred and rescheduled task instances: they wait without a slot and go on with the same try.

ALTER TABLE task_instance
    ADD COLUMN is_resuming boolean NOT NULL DEFAULT false,
    ADD COLUMN first_start_date timestamptz,
    ADD COLUMN task_reschedule_count integer NOT NULL DEFAULT 0,
    ADD COLUMN next_method text,
    ADD COLUMN next_kwargs bytea,
    ADD COLUMN trigger_id bigint;
COMMENT ON COLUMN task_instance.is_resuming IS 'entering queued goes on with the same try';
COMMENT ON COLUMN task_instance.first_start_date IS 'start of the first attempt of this try';

UPDATE schema_range SET newest = 4;
