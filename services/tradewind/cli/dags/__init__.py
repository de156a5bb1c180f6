"""`tradewind dags …`."""
