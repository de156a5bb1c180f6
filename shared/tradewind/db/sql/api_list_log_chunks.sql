-- The next chunks of one attempt's log, in order: so many, and so many bytes, but one if there is any; task_log_pkey.
SELECT c.sequence, c.lines
FROM (
    SELECT n.sequence, n.lines, sum(octet_length(n.lines)) OVER (ORDER BY n.sequence) - octet_length(n.lines) AS before
    FROM (
        SELECT sequence, lines
        FROM task_log
        WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND try_number = $4 AND attempt_id = $5
            AND sequence > $6
        ORDER BY sequence
        LIMIT $7
    ) AS n
) AS c
WHERE c.before < $8 OR c.before = 0
ORDER BY c.sequence
