"""Query parameters of the lists as one model, parsed in one go.

FastAPI handles each of sixty parameters by itself, which takes longer than the database does; pydantic takes them all
at once. What OpenAPI says of them is made from the same model.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from tradewind.api.access.guard import visible
from tradewind.api.models.queries import PageQuery

QueryT = TypeVar("QueryT", bound=BaseModel)


def parsed(model: type[QueryT]) -> Callable[[Request], Awaitable[QueryT]]:
    """A dependency that reads the request's query as this model; a wrong value is answered with 422."""
    lists = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is list}

    async def query(request: Request) -> QueryT:
        params = request.query_params
        given = {name: params.getlist(name) if name in lists else params[name] for name in params}
        try:
            found = model.model_validate(given)
            if isinstance(found, PageQuery):
                found.see_only(await visible(request))
            return found
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
            raise RequestValidationError([{**error, "loc": ("query", *error["loc"])} for error in errors]) from exc

    if issubclass(model, PageQuery):
        query.narrows = True  # pyright: ignore[reportFunctionMemberAccess] - for `check_coverage`
    return query


def documented_query(model: type[BaseModel]) -> dict[str, Any]:
    """What a route that takes this query says of it in OpenAPI (`openapi_extra`)."""
    schema = model.model_json_schema()
    properties = cast("Mapping[str, Mapping[str, object]]", schema["properties"])
    required = cast("list[str]", schema.get("required", []))
    parameters = [_documented(name, each, is_required=name in required) for name, each in properties.items()]
    return {"parameters": parameters}


def _documented(name: str, schema: Mapping[str, object], *, is_required: bool) -> dict[str, object]:
    parameter: dict[str, object] = {"name": name, "in": "query", "required": is_required, "schema": dict(schema)}
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter
