-- The last migration that ran (one row).
SELECT version_num FROM alembic_version
