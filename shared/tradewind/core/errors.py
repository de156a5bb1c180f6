"""Every error that Tradewind raises on purpose.

    TradewindError
    ├── DomainError          the request cannot be met by the rules; never retried
    │   ├── IllegalTransition
    │   ├── NotFound
    │   └── Conflict
    ├── AdapterError         database, broker or cluster failed; `retryable` says whether trying again can help
    └── ConfigError          a setting is wrong; the message names the setting and the way out

Drivers' own exceptions are wrapped once, in the adapter, with `raise … from exc`.
"""


class TradewindError(Exception):
    """Root of the tree: catch it to catch everything that Tradewind raises on purpose."""


class DomainError(TradewindError):
    """The rules forbid what was asked; asking again gives the same answer."""


class IllegalTransition(DomainError):
    """A state machine was asked for a transition that its table does not list."""


class NotFound(DomainError):
    """The thing named does not exist."""


class Conflict(DomainError):
    """The thing named exists already, or has changed meanwhile."""


class AdapterError(TradewindError):
    """Something outside the process failed."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class ConfigError(TradewindError):
    """A setting cannot be used as given."""
