-- Ends an API token ($1) now ($2), or leaves it as it ended before; api_token_pkey, identity_revision_pkey.
WITH changed AS (
    UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id
)
UPDATE identity_revision SET revision = revision + 1
WHERE identity_revision.id AND EXISTS (SELECT FROM changed)
