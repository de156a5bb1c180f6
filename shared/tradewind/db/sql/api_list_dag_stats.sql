-- How many runs of each state these DAGs ($1, null: all) have, of those that may be seen ($2 by name, $3 by pattern;
-- null: all), for people; DAGs without runs are left out. A scan of dag, or dag_pkey; dag_run_by_run_after.
SELECT dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name, counted.state, counted.runs
FROM dag
CROSS JOIN LATERAL (
    SELECT dag_run.state, count(*) AS runs FROM dag_run WHERE dag_run.dag_id = dag.dag_id GROUP BY dag_run.state
) AS counted
WHERE ($1::text[] IS NULL OR dag.dag_id = ANY ($1))
    AND ($2::text[] IS NULL OR dag.dag_id = ANY ($2))
    AND ($3::text IS NULL OR dag.dag_id ~ $3)
ORDER BY dag.dag_id
