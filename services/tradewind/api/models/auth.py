"""Logging in."""

from tradewind.api.models.base import ApiModel, StrictBody


class LoginBody(StrictBody):
    """A user's name and password."""

    username: str
    password: str


class LoginResponse(ApiModel):
    """The token to send as `Authorization: Bearer …`."""

    access_token: str
