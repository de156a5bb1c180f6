-- Who can let others in again, and the user in question ($1), held until the change is made; app_user_pkey.
SELECT username, initcap(role) AS role, is_active
FROM app_user
WHERE (initcap(role) = 'Admin' AND is_active) OR username = $1
ORDER BY username
FOR NO KEY UPDATE
