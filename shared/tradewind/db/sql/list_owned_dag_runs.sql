-- Running runs of one owner. By dag_run_running.
SELECT r.id FROM dag_run r WHERE r.owner = $1::uuid AND r.state = 'running' ORDER BY r.id
