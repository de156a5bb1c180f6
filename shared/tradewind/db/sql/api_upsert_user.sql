-- Creates a user, or gives an existing one this password; app_user_pkey.
INSERT INTO app_user (username, password_hash, role, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role
