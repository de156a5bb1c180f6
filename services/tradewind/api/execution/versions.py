"""The versions of Airflow's contract that are spoken, by the header `Airflow-API-Version`.

Routes answer in the newest; the answer to an older client is turned back step by step. What was added beside the old
(paths, optional parts of bodies) needs no turning back: an older client does not ask for it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import Request, Response

from tradewind.api.errors import BadRequest

VERSION_HEADER: Final = "Airflow-API-Version"

Run = dict[str, Any]


def _before_2026_06_30(run: Run) -> None:
    """Models of then refuse fields that they do not know, and know no type of its own for runs that tasks trigger."""
    for name in ("team_name", "partition_date"):
        run.pop(name, None)
    for event in run["consumed_asset_events"]:
        event.pop("partition_key", None)
    if run["run_type"] == "operator_triggered":
        run["run_type"] = "manual"


STEPS: Final[Mapping[str, Callable[[Run], None]]] = {"2026-06-30": _before_2026_06_30}
"""Version → how a run is turned back to the version before it, newest first."""
SUPPORTED_VERSIONS: Final = ("2026-06-30", "2026-04-06")
"""Newest first: those of Airflow 3.3 and 3.2 (task SDK 1.3 and 1.2)."""

RUN_OF_ANSWER: Final[Mapping[str, Callable[[Any], Run | None]]] = {
    "start_attempt": lambda answer: answer["dag_run"],
    "get_task_dag_run": lambda answer: answer,
    "get_previous_run": lambda answer: answer,
}
"""Operation → the run in its answer; null answers hold none."""


def speaks_airflow(request: Request) -> bool:
    """Whether the request names a version. Tradewind's own task processes name none: to them, a path that Airflow
    reserves within names (`…/variables/keys`, `…/xcoms/…/slice`) is a name as any other."""
    return VERSION_HEADER in request.headers


def spoken_version(request: Request) -> str:
    """The version of a request; the newest if it names none. Raises `BadRequest` for one that is not spoken."""
    asked = request.headers.get(VERSION_HEADER, SUPPORTED_VERSIONS[0])
    if asked not in SUPPORTED_VERSIONS:
        spoken = ", ".join(SUPPORTED_VERSIONS)
        message = f"The execution API does not speak the version {asked!r}, but: {spoken}"
        raise BadRequest({"reason": "unsupported_version", "message": message, "supported": list(SUPPORTED_VERSIONS)})
    return asked


def in_version(version: str, operation: str, response: Response) -> Response:
    """The answer of an operation, as this version has it."""
    if version == SUPPORTED_VERSIONS[0] or operation not in RUN_OF_ANSWER:
        return response
    answer = json.loads(bytes(response.body))
    run = None if answer is None else RUN_OF_ANSWER[operation](answer)
    for newer, turn_back in STEPS.items():
        if run is not None and newer > version:
            turn_back(run)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(json.dumps(answer).encode(), response.status_code, headers)
