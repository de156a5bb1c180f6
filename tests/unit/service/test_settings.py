"""Settings that are wrong name themselves."""

import pytest

from tradewind.core.errors import ConfigError
from tradewind.service.settings import ServiceSettings, load_settings, required_broker_url, required_database_url


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__API__PORT", "1234")
    assert load_settings(ServiceSettings).api.port == 1234


@pytest.mark.parametrize(
    ("name", "value"), [("TRADEWIND__API__PORT", "eighty"), ("TRADEWIND__LEASES__LEASE_SECONDS", "-1")]
)
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        load_settings(ServiceSettings)


def test_a_service_on_its_own_needs_a_broker_and_a_database() -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__BROKER__URL"):
        required_broker_url(ServiceSettings())
    with pytest.raises(ConfigError, match="TRADEWIND__DATABASE__URL"):
        required_database_url(ServiceSettings())
