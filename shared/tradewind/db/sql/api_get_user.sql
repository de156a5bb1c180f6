-- What a login compares, and what tokens of this user are made for; app_user_pkey.
SELECT username, password_hash, initcap(role) AS role, is_active, external_id, credentials_id
FROM app_user
WHERE username = $1
