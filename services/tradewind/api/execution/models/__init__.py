"""Bodies and answers of the Task Execution API, in Airflow's shape."""
