"""`pytest -p tradewind.sdk.pytest_plugin`: in the test run, `import airflow` means Tradewind, as in DAG files."""

from tradewind.sdk import aliases


def pytest_configure(config: object) -> None:
    """Before test modules are imported."""
    aliases.install()


def pytest_unconfigure(config: object) -> None:
    """Afterwards."""
    aliases.uninstall()
