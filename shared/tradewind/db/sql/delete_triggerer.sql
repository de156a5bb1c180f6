-- A triggerer's graceful end; its triggers become anybody's. By primary key; trigger_by_triggerer.
DELETE FROM triggerer WHERE id = $1::uuid
