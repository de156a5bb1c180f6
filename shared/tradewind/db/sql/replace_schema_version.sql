-- The migration that ran last, in the transaction that ran it (one row, in place of the one before).
WITH before AS (DELETE FROM alembic_version)
INSERT INTO alembic_version (version_num) VALUES ($1)
