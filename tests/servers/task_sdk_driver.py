# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""Run by a Python that has Airflow's task SDK: calls `airflow.sdk.api.client.Client` as it is told, one JSON line in,
one out. `{"$uuid": …}`, `{"$moment": …}` and `{"$message": [class, fields]}` stand for what JSON has not."""

import json
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

import airflow.sdk.api.client as sdk
from airflow.sdk.execution_time import comms
from pydantic import BaseModel, RootModel


def value_of(given: Any) -> Any:
    match given:
        case {"$uuid": text}:
            return UUID(text)
        case {"$moment": text}:
            return datetime.fromisoformat(text)
        case {"$message": [name, fields]}:
            return getattr(comms, name)(**value_of(fields))
        case dict():
            return {key: value_of(each) for key, each in given.items()}
        case list():
            return [value_of(each) for each in given]
        case _:
            return given


def shown(answer: Any) -> Any:
    if isinstance(answer, RootModel):
        return answer.root
    return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer


def call(client: sdk.Client, asked: dict[str, Any]) -> dict[str, Any]:
    method = getattr(getattr(client, asked["group"]), asked["method"])
    try:
        answer = method(*value_of(asked["args"]), **value_of(asked["kwargs"]))
    except sdk.ServerResponseError as exc:
        return {"status": exc.response.status_code, "detail": exc.detail, "raised": type(exc).__name__}
    except Exception as exc:
        return {"status": None, "detail": str(exc), "raised": type(exc).__name__}
    return {"answer": shown(answer), "kind": type(answer).__name__}


def main() -> None:
    clients: dict[str, sdk.Client] = {}
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        client = clients.get(asked["process"])
        if client is None:
            client = clients[asked["process"]] = sdk.Client(base_url=asked["url"], token=asked["token"])
        said = {**call(client, asked), "token": client.auth.token}
        sys.stdout.write(json.dumps(said, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
