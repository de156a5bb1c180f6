-- A scheduler's graceful end. By primary key.
DELETE FROM scheduler WHERE id = $1::uuid
