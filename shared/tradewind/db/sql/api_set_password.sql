-- Gives a user ($1) another password ($2), which ends what was given for the old one ($3: the new credentials' id);
-- app_user_pkey, identity_revision_pkey.
WITH changed AS (
    UPDATE app_user SET password_hash = $2, credentials_id = $3 WHERE username = $1 RETURNING username
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
RETURNING revision
