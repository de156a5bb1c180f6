"""`tradewind workers …`, and Airflow's words for the same: `tradewind celery …`."""
