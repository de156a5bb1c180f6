-- A page of users, for people: a scan of app_user, which is small.
-- sort username: app_user.username
-- sort role: app_user.role
-- sort email: app_user.email
-- sort first_name: app_user.first_name
-- sort last_name: app_user.last_name
-- sort is_active: app_user.is_active
-- sort created_at: app_user.created_at
-- filter username_pattern: app_user.username ILIKE ANY ($value::text[])
-- filter role: initcap(app_user.role) = $value::text
-- filter is_active: app_user.is_active = $value::boolean
WITH matching AS (
    SELECT app_user.username, row_number() OVER (ORDER BY /* sort */ app_user.username /* end */) AS place
    /* list */ FROM app_user WHERE /* filters */ /* end */
    ORDER BY /* sort */ app_user.username /* end */
    LIMIT $limit OFFSET $offset
)
SELECT
    matching.place, app_user.username, app_user.first_name, app_user.last_name, app_user.email,
    initcap(app_user.role) AS role, app_user.is_active, app_user.created_at,
    app_user.password_hash IS NOT NULL AS has_password, app_user.external_id
FROM matching
LEFT JOIN app_user ON app_user.username = matching.username
ORDER BY matching.place
