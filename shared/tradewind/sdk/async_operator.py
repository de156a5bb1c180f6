"""Operators whose work is a coroutine, run on the worker in an event loop of its own."""

from typing import TYPE_CHECKING, Any

from tradewind.sdk.operator import BaseOperator

if TYPE_CHECKING:
    from tradewind.sdk.context import Context


class BaseAsyncOperator(BaseOperator):
    """Base of operators that override `aexecute`. `execution_timeout` cancels it, which its `finally` blocks see."""

    @property
    def is_async(self) -> bool:
        """Always."""
        return True

    async def aexecute(self, context: "Context") -> Any:
        """Override with what the task does."""
        raise NotImplementedError(f"{type(self).__name__} does not define aexecute()")

    def execute(self, context: "Context") -> Any:
        """Run `aexecute` to its end."""
        import asyncio

        return asyncio.run(self._within_timeout(context))

    async def _within_timeout(self, context: "Context") -> Any:
        import asyncio

        limit = None if self.execution_timeout is None else self.execution_timeout.total_seconds()
        async with asyncio.timeout(limit):
            return await self.aexecute(context)
