-- How many webhooks there are; webhook_pkey.
SELECT count(*) AS total_entries FROM webhook
