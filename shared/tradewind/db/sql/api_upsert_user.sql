-- Creates a user, or gives an existing one this password and role, which ends what was given for the old one; app_user_pkey.
WITH changed AS (
    INSERT INTO app_user (username, password_hash, role, created_at, credentials_id)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (username) DO UPDATE SET
        password_hash = excluded.password_hash, role = excluded.role, credentials_id = excluded.credentials_id
    RETURNING username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
