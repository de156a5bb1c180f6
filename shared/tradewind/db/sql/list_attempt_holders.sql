-- Who holds these attempts, whatever state they are in by now: whom to tell of their end. By task_instance_attempt.
SELECT attempt_id, worker_id
FROM task_instance
WHERE attempt_id = ANY($1::uuid[]) AND worker_id IS NOT NULL
ORDER BY attempt_id
