-- Creates a user unless the name is taken ($1 name, $2 password's hash, $3 role, $4 first name, $5 last name, $6 email,
-- $7 whether active, $8 now, $9 credentials' id); app_user_pkey.
INSERT INTO app_user (
    username, password_hash, role, first_name, last_name, email, is_active, created_at, credentials_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (username) DO NOTHING
RETURNING username
