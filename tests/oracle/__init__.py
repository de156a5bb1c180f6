"""Airflow as an oracle: the same DAGs driven the same way over the same REST API, there and here."""
