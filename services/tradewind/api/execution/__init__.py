"""Airflow's Task Execution API under `/execution`: what a task process of Airflow's own SDK asks, in its shape.

`route` is what surrounds every request: the version that is spoken, and tokens that are renewed. Starting, ending and
heartbeats are relayed to the collector (`relay`), which a worker asks over the bus for the same; all else is answered
by the queries that serve Tradewind's own task processes (docs/execution-api.md).
"""
