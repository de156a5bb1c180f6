"""`BaseNotifier`: a callback that tells somebody, with templated fields."""

from collections.abc import Generator
from typing import Any

from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.templater import Templater


class BaseNotifier(LoggingMixin, Templater):
    """Usable as any `on_…_callback`, and awaited where there is an event loop. Override `notify`, `async_notify` or
    both; fields named in `template_fields` are rendered before, and are in the context themselves."""

    def __init__(self, context: Any = None) -> None:
        super().__init__()
        self.context: Any = context or {}
        self.resolve_template_files()

    def notify(self, context: Any) -> None:
        """Override: tell."""
        raise NotImplementedError(f"{type(self).__name__} does not define notify()")

    async def async_notify(self, context: Any) -> None:
        """Override for use where there is an event loop."""
        raise NotImplementedError(f"{type(self).__name__} does not define async_notify()")

    def __call__(self, *args: Any) -> None:
        # A notifier is made once and called with each context; `sla_miss_callback` is called with five values.
        names = ("dag", "task_list", "blocking_task_list", "blocking_tis")
        context: Any = args[0] if len(args) == 1 else dict(zip(names, args, strict=False))
        self.context = context
        self._render(context)
        try:
            self.notify(context)
        except Exception as exc:
            self.log.error("Failed to send notification (sync): %s", exc)
            raise

    def __await__(self) -> Generator[Any, None, None]:
        self._render(self.context)
        return self.async_notify(self.context).__await__()

    def _render(self, context: Any) -> None:
        try:
            context.update({field: getattr(self, field) for field in self.template_fields})
            self.render_template_fields(context)
        except Exception:
            self.log.exception("Failed to render the fields of %s", type(self).__name__)
            raise
