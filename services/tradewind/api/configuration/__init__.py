"""`/api/v2/config`: what is configured, as this process of the API finds it, under our names and Airflow's."""
