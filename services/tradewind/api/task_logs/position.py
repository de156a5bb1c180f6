"""How far a client has read the log of a try."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from tradewind.api.errors import BadRequest

BEFORE_THE_FIRST: Final = -1

Number = Annotated[int, msgspec.Meta(ge=BEFORE_THE_FIRST, lt=2**31)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


@dataclass(frozen=True, slots=True)
class LogPosition:
    """What was seen: of chunks, and of the file that they may have gone to since."""

    chunks: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Attempt → the number of its last chunk seen, and the bytes of all its chunks up to there."""
    file: int | None = None
    """Bytes of the file; None = none of it was read as a file."""

    def sequence(self, attempt: str) -> int:
        """The last chunk seen of an attempt."""
        return self.chunks.get(attempt, (BEFORE_THE_FIRST, 0))[0]

    def after_chunk(self, attempt: str, sequence: int, size_bytes: int) -> "LogPosition":
        """With one more chunk."""
        seen = self.chunks.get(attempt, (BEFORE_THE_FIRST, 0))[1]
        return LogPosition({**self.chunks, attempt: (sequence, seen + size_bytes)}, self.file)

    def token(self) -> str:
        """As text, for a client to hand back."""
        return base64.urlsafe_b64encode(msgspec.json.encode((self.chunks, self.file))).decode().rstrip("=")

    @classmethod
    def of_token(cls, token: str | None) -> "LogPosition":
        """Raises `BadRequest` for anything that `token` did not make."""
        if not token:
            return cls()
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return cls(*msgspec.json.decode(raw, type=tuple[dict[str, tuple[Number, Bytes]], Bytes | None]))
        except (binascii.Error, ValueError, msgspec.DecodeError) as exc:
            raise BadRequest("The token is not one that an earlier answer gave: begin without one") from exc
