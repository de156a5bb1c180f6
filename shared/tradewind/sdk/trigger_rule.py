"""Airflow's trigger rules: the same enum that the scheduler decides by."""

from tradewind.core.spec import TriggerRule

__all__ = ["TriggerRule"]
