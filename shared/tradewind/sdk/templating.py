"""Rendering templated fields, inside collections too. Jinja is loaded when the first real template is met."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.masking import redact
from tradewind.sdk.types import is_collection, is_dict, is_list, is_tuple
from tradewind.sdk.xcom_arg import MAX_DEPTH

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.operator import BaseOperator

_DELIMITERS: Final = ("{{", "{%", "{#")


@runtime_checkable
class RenderedPath(Protocol):
    """A path that may be a template."""

    def with_rendered_path(self, render: Callable[[str], str]) -> Any:
        """The path rendered."""
        ...


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


class Templates:
    """How texts are rendered: by which environment (made when first needed), and which texts need it at all."""

    def __init__(self, make: "Callable[[], jinja2.Environment]", *, own_syntax: bool) -> None:
        self._make = make
        self._own_syntax = own_syntax
        self._environment: jinja2.Environment | None = None

    @property
    def environment(self) -> "jinja2.Environment":
        """Jinja's environment."""
        if self._environment is None:
            self._environment = self._make()
        return self._environment

    def is_plain(self, text: str) -> bool:
        """Whether rendering would give the text back: it holds no delimiter, and no line end that Jinja would change.
        Never where the author changed the syntax or wants Python values."""
        return not (
            self._own_syntax
            or "\r" in text
            or text.endswith("\n")
            or any(delimiter in text for delimiter in _DELIMITERS)
        )


def templates_of(dag: "DAG | None", *, native: bool) -> Templates:
    """How a DAG's templates are rendered; kept on the DAG, since making an environment is slow."""

    def make() -> "jinja2.Environment":
        from tradewind.sdk.jinja_environments import make_environment

        return make_environment(dag, native=native)

    if dag is None:
        return Templates(make, own_syntax=native)
    kept: dict[bool, Templates] = dag.__dict__.setdefault("kept_templates", {})
    if native not in kept:
        kept[native] = Templates(make, own_syntax=native or bool(dag.jinja_environment_kwargs))
    return kept[native]


def templates_with(environment: "jinja2.Environment") -> Templates:
    """Rendering by an environment that somebody brings."""
    return Templates(lambda: environment, own_syntax=True)


def render_fields(owner: Any, fields: Iterable[str], context: "Context", templates: Templates, depth: int = 0) -> None:
    """Render attributes in place; one that is a function becomes what it returns, called with `context` and
    `jinja_env`. Raises AirflowException if one does not exist, and whatever rendering raises, with field and template
    in a note."""
    extensions = tuple(getattr(owner, "template_ext", ()))
    for field in fields:
        try:
            value = getattr(owner, field)
        except AttributeError:
            raise AirflowException(
                f"{field!r} is named in template_fields of {type(owner).__name__}, which has no such attribute"
            ) from None
        try:
            rendered = (
                value(context=context, jinja_env=templates.environment)
                if callable(value)
                else render_value(value, context, templates, extensions, depth)
            )
        except Exception as exc:
            exc.add_note(f"while the field {field!r} of {owner!r} was rendered: {redact(value)!r}")
            raise
        if rendered is not value:
            setattr(owner, field, rendered)


def render_value(
    value: Any, context: "Context", templates: Templates, extensions: tuple[str, ...] = (), depth: int = 0
) -> Any:
    """A value with every template in it rendered and every reference resolved. A text that ends in one of `extensions`
    names a template file."""
    if isinstance(value, str):
        return _render_text(value, context, templates, extensions)
    if value is None or isinstance(value, int | float | bytes) or depth > MAX_DEPTH:
        return value
    if is_dict(value):
        return {key: render_value(inner, context, templates, extensions, depth + 1) for key, inner in value.items()}
    if is_collection(value):
        return _render_collection(value, context, templates, extensions, depth + 1)
    if isinstance(value, RenderedPath):
        return value.with_rendered_path(partial(_render_text, context=context, templates=templates, extensions=()))
    resolve: Any = getattr(value, "resolve", None) if not hasattr(value, "__fspath__") else None
    if resolve is not None:
        return resolve(context)
    fields: Sequence[str] | None = getattr(value, "template_fields", None)
    if fields is not None:
        render_fields(value, fields, context, templates, depth + 1)
    return value


def _render_collection(
    value: Any, context: "Context", templates: Templates, extensions: tuple[str, ...], depth: int
) -> Any:
    parts = [render_value(inner, context, templates, extensions, depth) for inner in value]
    if is_list(value):
        return parts
    if is_tuple(value):
        kind: Any = type(value)
        return tuple(parts) if kind is tuple else kind(*parts)
    return set(parts)


def _render_text(text: str, context: "Context", templates: Templates, extensions: tuple[str, ...]) -> Any:
    is_file = bool(extensions) and text.endswith(extensions)
    if not is_file and templates.is_plain(text):
        return text
    from tradewind.sdk.jinja_environments import render_file, render_text

    render = render_file if is_file else render_text
    return render(text, context, templates.environment)


def template_texts(operator: "BaseOperator") -> Iterator[str]:
    """The texts in an operator's fields that Jinja will have to render, as far as they can be seen before."""
    templates, extensions = operator.templates(), tuple(operator.template_ext)
    for field in operator.template_fields:
        value: object = getattr(operator, field, None)
        inner: Iterable[Any] = value.values() if is_dict(value) else value if is_collection(value) else (value,)
        for text in inner:
            if (
                isinstance(text, str)
                and not (extensions and text.endswith(extensions))
                and not templates.is_plain(text)
            ):
                yield text


class _HasTemplates(Protocol):
    template_fields: Any
    template_ext: Any

    def get_template_env(self) -> "jinja2.Environment": ...


def read_template_files(operator: _HasTemplates) -> None:
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


def _read(operator: Any, name: str) -> str:
    from tradewind.sdk.jinja_environments import source_of

    text = source_of(name, operator.get_template_env())
    if text is None:
        dag = getattr(operator, "_dag", None)
        folder = f"neither in {Path(dag.folder)} nor in template_searchpath" if dag is not None else "not found"
        who = f"Task {operator.task_id!r}" if hasattr(operator, "task_id") else type(operator).__name__
        raise AirflowException(f"{who} names the template file {name!r}, which is {folder}")
    return text
