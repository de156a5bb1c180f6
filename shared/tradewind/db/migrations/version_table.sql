-- Names the last migration that ran. Its name and shape are alembic's, which drove the migrations of older databases.
CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)
