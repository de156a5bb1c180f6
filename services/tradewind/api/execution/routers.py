"""Every router of the Task Execution API. A path that Airflow reserves comes before one that takes any name."""

from typing import Final

from tradewind.api.execution import assets, attempts, health, human_input, questions, sequences, stored, stores

ROUTERS: Final = (
    attempts.router,
    sequences.router,
    stored.router,
    questions.router,
    assets.router,
    stores.router,
    human_input.router,
    health.router,
)
