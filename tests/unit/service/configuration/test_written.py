"""The catalogue of settings and its page say what the classes declare."""

from tradewind.cli.configuration.page import page
from tradewind.cli.configuration.writing import PAGE, catalogue_text, declared_settings
from tradewind.service.configuration.catalogue import PATH

RENEWED_BY = "run `python -m tradewind.cli.configuration.writing`"


def test_the_catalogue_is_current() -> None:
    assert PATH.read_bytes() == catalogue_text(declared_settings()), RENEWED_BY


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(declared_settings()), RENEWED_BY


def test_secrets_have_no_default_and_fields_their_meaning() -> None:
    settings = {setting.name: setting for setting in declared_settings()}
    assert settings["database.url"].is_secret
    assert settings["database.url"].default is None
    assert settings["core.parallelism"].default == "32"
    assert "over the whole system" in settings["core.parallelism"].says
    assert settings["celery.worker_concurrency"].services == ("worker",)
    assert settings["worker.queues"].default == "default"
