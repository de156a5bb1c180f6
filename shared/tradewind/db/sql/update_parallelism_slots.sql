-- The cap on running task instances as the settings have it (one row; untouched if nothing changes).
UPDATE parallelism SET slots = $1 WHERE slots <> $1
