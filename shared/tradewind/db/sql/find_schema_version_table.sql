-- Whether any migration ever ran here (catalogue lookup by name).
SELECT to_regclass('alembic_version')::text
