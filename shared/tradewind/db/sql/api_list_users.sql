-- A page of users, for people: a scan of app_user, which is small.
-- $1 filters (an absent key filters nothing), $2 limit, $3 offset.
-- sort username: app_user.username
-- sort role: app_user.role
-- sort email: app_user.email
-- sort first_name: app_user.first_name
-- sort last_name: app_user.last_name
-- sort is_active: app_user.is_active
-- sort created_at: app_user.created_at
WITH matching AS (
    SELECT app_user.username, row_number() OVER (ORDER BY /* sort */ app_user.username /* end */) AS place
    FROM app_user
    WHERE (NOT $1::jsonb ? 'username_pattern' OR app_user.username ILIKE ANY (
            ARRAY(SELECT jsonb_array_elements_text($1::jsonb -> 'username_pattern'))))
        AND (NOT $1::jsonb ? 'role' OR initcap(app_user.role) = $1::jsonb ->> 'role')
        AND (NOT $1::jsonb ? 'is_active' OR app_user.is_active = ($1::jsonb ->> 'is_active')::boolean)
)
SELECT
    total.total_entries, matching.place, app_user.username, app_user.first_name, app_user.last_name, app_user.email,
    initcap(app_user.role) AS role, app_user.is_active, app_user.created_at,
    app_user.password_hash IS NOT NULL AS has_password, app_user.external_id
FROM (SELECT count(*) AS total_entries FROM matching) AS total
LEFT JOIN matching ON matching.place > $3::bigint AND matching.place <= $3::bigint + $2::bigint
LEFT JOIN app_user ON app_user.username = matching.username
ORDER BY matching.place
