"""Rendering templated fields: Jinja with Airflow's filters, inside collections too."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import jinja2
import jinja2.nativetypes
import jinja2.sandbox

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.types import is_collection, is_list, is_mapping, is_tuple

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.operator import BaseOperator

MAX_DEPTH: Final = 100
"""Nesting beyond which a value is taken to contain itself."""


class LiteralValue:
    """A value that is not a template, whatever it contains."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: "Context") -> Any:
        """The value."""
        return self.value


def literal(value: Any) -> LiteralValue:
    """Keep a value in a templated field from being rendered."""
    return LiteralValue(value)


def _ds(value: date | None) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%d")


def _ds_nodash(value: date | None) -> str | None:
    return None if value is None else value.strftime("%Y%m%d")


def _ts(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _ts_nodash(value: datetime | None) -> str | None:
    return None if value is None else value.strftime("%Y%m%dT%H%M%S")


def _ts_nodash_with_tz(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("-", "").replace(":", "")


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "ds": _ds,
    "ds_nodash": _ds_nodash,
    "ts": _ts,
    "ts_nodash": _ts_nodash,
    "ts_nodash_with_tz": _ts_nodash_with_tz,
}


class SandboxedEnvironment(jinja2.sandbox.SandboxedEnvironment):
    """Renders to text. Names with one leading underscore are allowed, Python's internals are not."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not jinja2.sandbox.is_internal_attribute(obj, attr)


class NativeEnvironment(jinja2.nativetypes.NativeEnvironment):
    """Renders to Python values."""


def environment_of(dag: "DAG | None", *, native: bool) -> jinja2.Environment:
    """The environment of a DAG's templates; kept on the DAG, since making one is slow."""
    if dag is None:
        return _make_environment({}, native=native)
    kept: dict[bool, jinja2.Environment] = dag.__dict__.setdefault("template_environments", {})
    if native not in kept:
        kept[native] = _dag_environment(dag, native=native)
    return kept[native]


def _dag_environment(dag: "DAG", *, native: bool) -> jinja2.Environment:
    options: dict[str, Any] = {
        "loader": jinja2.FileSystemLoader([dag.folder, *dag.template_searchpath]),
        **({"undefined": dag.template_undefined} if dag.template_undefined is not None else {}),
        **(dag.jinja_environment_kwargs or {}),
    }
    environment = _make_environment(options, native=native)
    environment.globals.update(dag.user_defined_macros or {})
    _filters(environment).update(dag.user_defined_filters or {})
    return environment


def _make_environment(options: Mapping[str, Any], *, native: bool) -> jinja2.Environment:
    kind = NativeEnvironment if native else SandboxedEnvironment
    defaults: dict[str, Any] = {"undefined": jinja2.StrictUndefined, "extensions": ["jinja2.ext.do"], "cache_size": 0}
    environment = kind(**{**defaults, **options})
    _filters(environment).update(FILTERS)
    return environment


def _filters(environment: jinja2.Environment) -> dict[str, Any]:
    return cast("dict[str, Any]", environment.filters)


def render_fields(
    owner: Any, fields: Iterable[str], context: "Context", environment: jinja2.Environment, depth: int = 0
) -> None:
    """Render attributes in place. Raises AirflowException if one does not exist, and whatever rendering raises."""
    extensions = tuple(getattr(owner, "template_ext", ()))
    for field in fields:
        try:
            value = getattr(owner, field)
        except AttributeError:
            raise AirflowException(
                f"{field!r} is named in template_fields of {type(owner).__name__}, which has no such attribute"
            ) from None
        if value is not None and value != "":
            setattr(owner, field, render_value(value, context, environment, extensions, depth))


def render_value(
    value: Any, context: "Context", environment: jinja2.Environment, extensions: tuple[str, ...] = (), depth: int = 0
) -> Any:
    """A value with every template in it rendered and every reference resolved. A text that ends in one of `extensions`
    names a template file."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, str):
        return _render_text(value, context, environment, extensions)
    if value is None or isinstance(value, int | float | bytes):
        return value
    resolve = None if isinstance(value, os.PathLike) else getattr(value, "resolve", None)
    if resolve is not None:
        return resolve(context)
    return _render_collection(value, context, environment, extensions, depth + 1)


def _render_collection(
    value: Any, context: "Context", environment: jinja2.Environment, extensions: tuple[str, ...], depth: int
) -> Any:
    def render(element: Any) -> Any:
        return render_value(element, context, environment, extensions, depth)

    if is_tuple(value):
        parts = [render(element) for element in value]
        kind: Any = type(value)
        return tuple(parts) if kind is tuple else kind(*parts)
    if is_list(value):
        return [render(element) for element in value]
    if is_mapping(value):
        return {key: render(element) for key, element in value.items()}
    if is_collection(value):
        return {render(element) for element in value}
    fields: Sequence[str] | None = getattr(value, "template_fields", None)
    if fields is not None:
        render_fields(value, fields, context, environment, depth)
    return value


def _render_text(text: str, context: "Context", environment: jinja2.Environment, extensions: tuple[str, ...]) -> Any:
    if extensions and text.endswith(extensions):
        template = environment.get_template(text)
    elif is_plain(text, environment):
        return text
    else:
        template = compiled(text, environment)
    return _render_template(template, context)


def is_plain(text: str, environment: jinja2.Environment) -> bool:
    """Whether rendering would give the text back: it holds no delimiter, and no line end that Jinja would change."""
    return (
        environment.block_start_string not in text
        and environment.variable_start_string not in text
        and environment.comment_start_string not in text
        and environment.line_statement_prefix is None
        and environment.line_comment_prefix is None
        and not isinstance(environment, NativeEnvironment)
        and "\r" not in text
        and not text.endswith("\n")
    )


def compiled(text: str, environment: jinja2.Environment) -> jinja2.Template:
    """The template of a text; kept on the environment, so that a fork server can compile before it forks."""
    kept: dict[str, jinja2.Template] = environment.__dict__.setdefault("compiled_templates", {})
    template = kept.get(text)
    if template is None:
        template = kept[text] = environment.from_string(text)
    return template


def _render_template(template: jinja2.Template, context: "Context") -> Any:
    if isinstance(template.environment, jinja2.nativetypes.NativeEnvironment):
        return template.render(**context)
    return template.render(context)


def read_template_files(operator: "BaseOperator") -> None:
    """Replace texts that name a file (by `template_ext`) in templated fields, or lists in them, by the file's text.
    A file that cannot be found raises AirflowException."""
    extensions = tuple(operator.template_ext)
    if not extensions:
        return
    for field in operator.template_fields:
        value = getattr(operator, field, None)
        if isinstance(value, str) and value.endswith(extensions):
            setattr(operator, field, _read(operator, value))
        elif is_list(value):
            texts = [_read(operator, v) if isinstance(v, str) and v.endswith(extensions) else v for v in value]
            setattr(operator, field, texts)


def _read(operator: "BaseOperator", name: str) -> str:
    environment = operator.get_template_env()
    assert environment.loader is not None
    try:
        return environment.loader.get_source(environment, name)[0]
    except jinja2.TemplateNotFound:
        raise AirflowException(
            f"Task {operator.task_id!r} names the template file {name!r},"
            f" which is neither in {Path(operator.dag.folder)} nor in template_searchpath"
        ) from None
