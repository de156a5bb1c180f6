-- Whether who may come in has changed; identity_revision_pkey.
SELECT revision FROM identity_revision WHERE id
