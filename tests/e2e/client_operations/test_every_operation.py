"""Every operation of Airflow's own client, on a running Tradewind: what it answers parses, and its effect is there."""

import pytest

from tests.e2e.client import ApiClient
from tests.e2e.client_operations import assets, dags, runs, stored, system, task_instances
from tests.e2e.client_operations.session import Session, operation_ids

PARTS = (runs, task_instances, dags, assets, stored, system)
"""In this order: runs come first, deletions of DAGs last of their part."""


def test_every_operation_of_the_client_does_what_it_says(
    live: ApiClient, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in PARTS:
        part.drive(session, live)

    wanted = operation_ids()
    missing = [operation for operation in wanted if operation not in session.called]
    with capsys.disabled():
        print(f"\napache-airflow-client: {len(wanted) - len(missing)} of {len(wanted)} operations")  # noqa: T201
    assert missing == []
    assert len(wanted) == 128
