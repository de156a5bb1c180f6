"""What there is besides: health, jobs, plugins, providers, settings, who did what; logging in and out."""

import json

from tests.e2e.client import ApiClient
from tests.e2e.client_operations.session import Session


def drive(session: Session, live: ApiClient) -> None:
    del live
    health = session("get_health")
    assert (health.metadatabase.status, health.scheduler.status) == ("healthy", "healthy")
    assert session("get_version").version
    jobs = session("get_jobs", is_alive=True)
    assert "SchedulerJob" in {job.job_type for job in jobs.jobs}
    assert session("get_plugins").total_entries == len(session("get_plugins").plugins)
    assert session("import_errors").total_entries == 0
    assert session("get_providers").total_entries >= 0
    _settings(session)
    _event_logs(session)
    _login(session)


def _settings(session: Session) -> None:
    status, text, _ = session.raw("get_config", section="core", accept="application/json")
    assert (status, json.loads(text)["sections"][0]["name"]) == (200, "core")
    status, text, _ = session.raw("get_config_value", section="core", option="parallelism", accept="application/json")
    assert (status, json.loads(text)["sections"][0]["options"][0]["key"]) == (200, "parallelism")


def _event_logs(session: Session) -> None:
    logged = session("get_event_logs", event="trigger_dag_run", dag_id="etl", order_by=["event_log_id"])
    first = session("get_event_log", event_log_id=logged.event_logs[0].event_log_id)
    assert (first.dag_id, first.owner, first.event) == ("etl", "admin", "trigger_dag_run")
    session.refused(404, "get_event_log", event_log_id=99_999_999)


def _login(session: Session) -> None:
    status, _, _ = session.raw("login")
    assert status in {200, 307}
    status, _, _ = session.raw("logout")
    assert status in {200, 307}
