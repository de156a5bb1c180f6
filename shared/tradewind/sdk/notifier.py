"""`BaseNotifier`: a callback that tells somebody, with templated fields."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.templating import render_value, templates_with

if TYPE_CHECKING:
    import jinja2


class BaseNotifier(LoggingMixin):
    """Usable as any `on_…_callback`. Override `notify`; fields named in `template_fields` are rendered before."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, context: Any = None, **_kwargs: Any) -> None:
        self.context: Any = context or {}

    def render_template_fields(self, context: Any, jinja_env: "jinja2.Environment | None" = None) -> None:
        """Render the fields in place."""
        owner: Any = context.get("task") or context.get("dag")
        templates = templates_with(jinja_env or owner.get_template_env())
        for field in self.template_fields:
            value = getattr(self, field, None)
            if value is not None:
                setattr(self, field, render_value(value, context, templates, tuple(self.template_ext)))

    def notify(self, context: Any) -> None:
        """Override: tell."""
        raise NotImplementedError(f"{type(self).__name__} does not define notify()")

    async def async_notify(self, context: Any) -> None:
        """Override for use where there is an event loop."""
        raise NotImplementedError(f"{type(self).__name__} does not define async_notify()")

    def __call__(self, *args: Any) -> None:
        # A notifier is made once and called with each context; DAG callbacks are given it as keyword arguments.
        context: Any = args[0] if len(args) == 1 else {"args": args}
        self.context = context
        try:
            self.render_template_fields(context)
        except Exception:
            self.log.exception("Failed to render the fields of %s", type(self).__name__)
            raise
        self.notify(context)
