"""Logins, users, API tokens."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from tradewind.api.identity.caller import Via
from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.queries import PageQuery

RoleName = Literal["Admin", "Op", "User", "Viewer", "Public"]
Password = Annotated[str, StringConstraints(max_length=1024)]
Username = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\s/\x00-\x1f\x7f]+$")]
"""Without blanks and slashes: it stands in paths and logs."""
PersonalName = Annotated[str, StringConstraints(max_length=250)]
ActionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
DagPattern = Annotated[str, StringConstraints(min_length=1, max_length=250)]


class LoginBody(StrictBody):
    """A user's name and password."""

    username: Annotated[str, StringConstraints(max_length=250)]
    password: Password


class BrowserLoginBody(LoginBody):
    """A user's name and password, and where to go on."""

    next: str | None = None


class LoginResponse(ApiModel):
    """The token to send as `Authorization: Bearer …`."""

    access_token: str


class LoginWays(ApiModel):
    """How one can log in here."""

    password: bool
    """`POST /auth/login` with `username` and `password`."""
    oidc_url: str | None
    """Where to send the browser to sign in elsewhere, with `next`; null: nowhere."""
    oidc_name: str | None


class ScopesResponse(ApiModel):
    """What a narrow token is good for; null: all that its user may do."""

    actions: list[str] | None
    dag_patterns: list[str] | None


class CallerResponse(ApiModel):
    """Who is calling."""

    username: str
    role: str
    via: Via
    scopes: ScopesResponse | None


class UserResponse(ApiModel):
    """A user; the password is never shown."""

    username: str
    first_name: str
    last_name: str
    email: str
    role: str
    is_active: bool
    has_password: bool
    """False: signs in elsewhere."""
    external_id: str | None
    created_at: datetime


class UserCollectionResponse(ApiModel):
    """A page of users."""

    users: list[UserResponse]
    total_entries: int


class UserBody(StrictBody):
    """A user to create."""

    username: Username
    password: Password
    role: RoleName
    first_name: PersonalName = ""
    last_name: PersonalName = ""
    email: PersonalName = ""
    is_active: bool = True


class UserPatchBody(StrictBody):
    """What to change of a user; what is left out stays as it is."""

    role: RoleName | None = None
    first_name: PersonalName | None = None
    last_name: PersonalName | None = None
    email: PersonalName | None = None
    is_active: bool | None = None


class PasswordBody(StrictBody):
    """A new password; who changes their own says the present one, too."""

    password: Password
    current_password: Password | None = None


class UserListQuery(PageQuery):
    """`GET /auth/users`."""

    order_by: list[str] = Field(default_factory=lambda: ["username"])
    username_pattern: str | None = None
    role: RoleName | None = None
    is_active: bool | None = None


class ApiTokenResponse(ApiModel):
    """An API token, without its secret."""

    id: UUID
    name: str
    username: str
    prefix: str
    """How it begins."""
    actions: list[str] | None
    dag_patterns: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """Up to some seconds behind."""
    revoked_at: datetime | None


class NewApiTokenResponse(ApiTokenResponse):
    """An API token that was just made: the only time that it is shown."""

    token: str


class ApiTokenCollectionResponse(ApiModel):
    """A page of API tokens."""

    tokens: list[ApiTokenResponse]
    total_entries: int


class ApiTokenBody(StrictBody):
    """An API token to make for oneself, or, as an Admin, for another user."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=250)]
    username: str | None = None
    actions: Annotated[list[ActionName], Field(min_length=1, max_length=200)] | None = None
    """Ids of operations as `/openapi.json` names them, and `read` for all that only read; null: all that the user may
    do."""
    dag_patterns: Annotated[list[DagPattern], Field(min_length=1, max_length=100)] | None = None
    """Globs of the DAGs that it opens (`team_a_*`); null: all that the user may see."""
    expires_at: AwareDatetime | None = None
    """Null: it does not expire."""


class ApiTokenListQuery(PageQuery):
    """`GET /auth/tokens`."""

    order_by: list[str] = Field(default_factory=lambda: ["created_at"])
    username: str | None = None
    name: str | None = None
