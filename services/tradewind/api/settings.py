"""Settings of the API."""

from pydantic import BaseModel, Field

from tradewind.service.settings import ServiceSettings


class ApiServerLimits(BaseModel):
    """How much the API takes on: `TRADEWIND__API_SERVER__…`."""

    max_request_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """A longer body is refused with 413. The largest bodies are XComs and pieces of task logs."""
    password_check_threads: int = Field(default=2, ge=1)
    """Checking a password takes tens of milliseconds and 64 MiB, on purpose: so many are checked at once."""
    max_log_followers: int = Field(default=200, ge=0)
    """So many may follow logs through one API process; each holds a connection, and while it reads up to a megabyte.
    Who comes then is told to ask again (503)."""


class ApiServiceSettings(ServiceSettings):
    """What the API reads from the environment."""

    api_server: ApiServerLimits = ApiServerLimits()
