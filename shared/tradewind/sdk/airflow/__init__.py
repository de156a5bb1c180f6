"""The names under which Airflow's DAG files import Tradewind; see `tradewind.sdk.aliases`."""
