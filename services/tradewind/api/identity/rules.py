"""What names, passwords and those who manage others must fulfil."""

from tradewind.api.errors import Forbidden, Unprocessable
from tradewind.api.identity.caller import Caller, Role
from tradewind.api.identity.callers import ANONYMOUS


def check_username(username: str) -> None:
    """Raises `Unprocessable` for a name that stands for nobody in particular."""
    if username.casefold() == ANONYMOUS.casefold():
        raise Unprocessable(f"{username!r} is whoever has not logged in: choose another name")


def check_new_password(password: str, username: str, min_length: int) -> None:
    """Raises `Unprocessable` for one that is short or says the user's name. Length is what makes a password hard to
    guess; rules on characters make it hard to remember."""
    if len(password) < min_length:
        raise Unprocessable(f"The password is too short: it needs at least {min_length} characters")
    if len(set(password)) < min(min_length, 4):
        raise Unprocessable("The password repeats the same few characters: choose another")
    if username.casefold() in password.casefold() and len(password) - len(username) < min_length:
        raise Unprocessable("The password is hardly more than the user's name: choose another")


def check_is_admin(caller: Caller) -> None:
    """Raises `Forbidden` unless the caller may manage users. A narrow token may not, whatever it names: with a user
    that it makes it would be as wide as it likes."""
    if caller.role != Role.ADMIN:
        raise Forbidden("Only an Admin may do this")
    check_is_not_narrow(caller)


def check_is_not_narrow(caller: Caller) -> None:
    """Raises `Forbidden` for a token with scopes."""
    if caller.scopes is not None:
        raise Forbidden("A token with scopes may not do this: log in, or use a token without")
