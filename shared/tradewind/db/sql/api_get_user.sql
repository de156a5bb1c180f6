-- A user's password hash and role; app_user_pkey.
SELECT password_hash, role FROM app_user WHERE username = $1
