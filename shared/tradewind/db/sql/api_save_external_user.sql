-- Someone who signed in elsewhere ($1 name, $2 id there, $3 role, $4 first name, $5 last name, $6 email, $7 now,
-- $8 credentials' id if new): no row if the name is someone else's. The role is noted only where it changes;
-- app_user_pkey, identity_revision_pkey.
WITH known AS (
    SELECT username, role FROM app_user WHERE username = $1
), saved AS (
    INSERT INTO app_user (username, external_id, role, first_name, last_name, email, created_at, credentials_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (username) DO UPDATE SET
        role = excluded.role, first_name = excluded.first_name, last_name = excluded.last_name, email = excluded.email
    WHERE app_user.external_id = excluded.external_id
    RETURNING username, role, is_active, credentials_id
), noted AS (
    UPDATE identity_revision SET revision = revision + 1
    FROM saved, known
    WHERE identity_revision.id AND saved.role <> known.role
)
SELECT username, role, is_active, credentials_id FROM saved
