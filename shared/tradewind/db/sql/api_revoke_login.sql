-- Ends the token of a login ($1) before it expires ($2); revoked_token_pkey, identity_revision_pkey.
WITH changed AS (
    INSERT INTO revoked_token (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
