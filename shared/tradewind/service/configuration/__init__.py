"""Where a setting's value comes from. The first that says something wins:

1. `TRADEWIND__SECTION__KEY` in the environment (of a secret also `…_CMD`: a command that prints it);
2. what Airflow is told: `AIRFLOW__SECTION__KEY`, `…_CMD`, `…_SECRET` in the environment, then `key`, `key_cmd`,
   `key_secret` in `airflow.cfg` (`sources`), translated by the tables in `airflow_options` and `readings`;
3. the default, which stands with the field in `settings`.

Where Airflow is told nothing, neither tables nor file are read. `report` says at the start of a service which of
Airflow's options mean nothing here, and which names nobody knows; `listing` says where each value comes from.
"""
