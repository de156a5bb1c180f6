-- Changes a user ($1): what is null stays as it is; app_user_pkey, identity_revision_pkey.
WITH changed AS (
    UPDATE app_user SET
        first_name = coalesce($2, first_name), last_name = coalesce($3, last_name), email = coalesce($4, email),
        role = coalesce($5, role), is_active = coalesce($6, is_active)
    WHERE username = $1
    RETURNING username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
