-- How long the logs of some attempts of one try are, up to a chunk of each; task_log_pkey.
SELECT log.attempt_id, sum(octet_length(log.lines))::bigint AS size_bytes
FROM unnest($5::uuid[], $6::integer[]) AS asked (attempt_id, last_sequence)
JOIN task_log AS log
    ON log.dag_run_id = $1 AND log.task_id = $2 AND log.map_index = $3 AND log.try_number = $4
        AND log.attempt_id = asked.attempt_id AND log.sequence <= asked.last_sequence
GROUP BY log.attempt_id
