"""Time and ids as parameters: services receive these, so that a simulation can stand in for both."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""

IdFactory = Callable[[], UUID]
"""Returns a new UUIDv7. Ids are compared for equality, never for order."""
