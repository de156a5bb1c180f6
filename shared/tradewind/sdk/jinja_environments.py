"""Jinja as Airflow sets it up: its filters, strict about undefined names, closed towards Python's internals.

Imported only where a text that is a template is met: a process without one is smaller, and forks faster.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import jinja2
import jinja2.nativetypes
import jinja2.sandbox

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG


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


def make_environment(dag: "DAG | None", *, native: bool) -> jinja2.Environment:
    """An environment with what the DAG adds: folders, macros, filters, options."""
    kind = NativeEnvironment if native else SandboxedEnvironment
    options: dict[str, Any] = {
        "undefined": jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
    }
    if dag is not None:
        options["loader"] = _loader([dag.folder, *dag.template_searchpath])
        if dag.template_undefined is not None:
            options["undefined"] = dag.template_undefined
        options.update(dag.jinja_environment_kwargs or {})
    environment = kind(**options)
    filters = cast("dict[str, Any]", environment.filters)
    filters.update(FILTERS)
    if dag is not None:
        environment.globals.update(dag.user_defined_macros or {})
        filters.update(dag.user_defined_filters or {})
    return environment


def _loader(folders: list[str]) -> jinja2.BaseLoader:
    """Template files of these folders, of the first that has one."""
    if not any(".zip" in folder for folder in folders):
        return jinja2.FileSystemLoader(folders)
    from tradewind.sdk.zipped_files import template_loader

    return template_loader(folders)


def compiled(text: str, environment: jinja2.Environment) -> jinja2.Template:
    """The template of a text; kept on the environment, so that a fork server can compile before it forks."""
    kept: dict[str, jinja2.Template] = environment.__dict__.setdefault("compiled_templates", {})
    template = kept.get(text)
    if template is None:
        template = kept[text] = environment.from_string(text)
    return template


def compile_beforehand(text: str, environment: jinja2.Environment) -> None:
    """Compile now what will be rendered later. A text that does not compile is left to the task whose failure it is."""
    try:
        compiled(text, environment)
    except jinja2.TemplateSyntaxError:
        return


def render_text(text: str, context: "Context", environment: jinja2.Environment) -> Any:
    """The text rendered; in a native environment, a Python value."""
    return compiled(text, environment).render(context)


def render_file(name: str, context: "Context", environment: jinja2.Environment) -> Any:
    """The template file of that name rendered; raises jinja2.TemplateNotFound."""
    return environment.get_template(name).render(context)


def source_of(name: str, environment: jinja2.Environment) -> str | None:
    """The text of a template file; None if there is none."""
    if environment.loader is None:
        return None
    try:
        return environment.loader.get_source(environment, name)[0]
    except jinja2.TemplateNotFound:
        return None
