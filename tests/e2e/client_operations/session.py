# pyright: reportPrivateImportUsage=false, reportMissingTypeStubs=false
# The client's package exports its models at run time only.
"""The package `apache-airflow-client`, unmodified: each operation by its id, and which of them were called."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final, cast, get_args

import airflow_client.client as airflow
import pytest
import yaml
from airflow_client.client import api
from airflow_client.client.exceptions import ApiException

METHODS: Final = ("get", "post", "put", "patch", "delete")


def operation_ids() -> list[str]:
    """Of all operations that the package's own document names, each once."""
    [file] = [file for file in distribution("apache-airflow-client").files or () if file.name.endswith(".yaml")]
    document = cast("Mapping[str, Any]", yaml.safe_load(Path(str(file.locate())).read_text()))
    return [
        operation["operationId"]
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    ]


def _homes() -> dict[str, type[Any]]:
    """The class of the package that each operation is a method of."""
    homes: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(api.__path__):
        loaded = importlib.import_module(f"{api.__name__}.{module.name}")
        for name, kind in inspect.getmembers(loaded, inspect.isclass):
            if name.endswith("Api"):
                homes |= dict.fromkeys((key for key in vars(kind) if not key.startswith("_")), kind)
    return homes


class Session:
    """A logged-in client. Answers are the package's typed models, bodies are given as dictionaries."""

    def __init__(self, client: airflow.ApiClient) -> None:
        self._client = client
        self._homes = _homes()
        self.called: dict[str, None] = {}

    def __call__(self, operation: str, **arguments: Any) -> Any:
        """Raises the package's `ApiException` for what is refused."""
        return self._method(operation, operation)(**self._typed(operation, arguments))

    def refused(self, status: int, operation: str, **arguments: Any) -> ApiException:
        """Asserts that the operation is refused with this status."""
        with pytest.raises(ApiException) as refusal:
            self(operation, **arguments)
        assert refusal.value.status == status, f"{operation}: {refusal.value}"  # pyright: ignore[reportUnknownMemberType]
        return refusal.value

    def raw(self, operation: str, **arguments: Any) -> tuple[int, str, Mapping[str, str]]:
        """(status, text, headers) of an operation whose answer is no model."""
        answer = self._method(operation, f"{operation}_without_preload_content")(**self._typed(operation, arguments))
        return answer.status, answer.data.decode(), answer.headers

    def _method(self, operation: str, name: str) -> Any:
        self.called[operation] = None
        return getattr(self._homes[operation](self._client), name)

    def _typed(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """With bodies as the models of the package, made from dictionaries by itself."""
        parameters = inspect.signature(getattr(self._homes[operation], operation)).parameters
        typed = dict(arguments)
        for name, value in arguments.items():
            if isinstance(value, dict):
                kinds = (parameters[name].annotation, *get_args(parameters[name].annotation))
                [model] = [kind for kind in kinds if hasattr(kind, "from_dict")]
                typed[name] = model.from_dict(value)
        return typed
