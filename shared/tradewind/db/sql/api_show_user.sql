-- One user, for people; app_user_pkey.
SELECT
    username, first_name, last_name, email, initcap(role) AS role, is_active, created_at,
    password_hash IS NOT NULL AS has_password, external_id
FROM app_user
WHERE username = $1
