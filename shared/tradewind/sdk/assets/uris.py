"""URIs of assets in one form, so that the same place is the same asset however it was written."""

import warnings
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def sanitized_uri(given: object) -> str:
    """The URI with its scheme in lower case, its query sorted, without password, fragment and trailing slashes. What
    has no scheme, or one that begins with `x-`, stays as it is. Raises ValueError for the scheme `airflow`."""
    uri = str(given)
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    if not scheme or scheme.startswith("x-"):
        return uri
    if scheme == "airflow":
        raise ValueError("Asset scheme 'airflow' is reserved")
    return urlunsplit(
        parts._replace(
            scheme=scheme,
            netloc=_without_user(parts.netloc) if parts.password else parts.netloc,
            path=parts.path.rstrip("/") or "/",
            query=urlencode(sorted(parse_qsl(parts.query))) if parts.query else "",
            fragment="",
        )
    )


def _without_user(netloc: str) -> str:
    warnings.warn(
        "An Asset URI should not contain a password. User info has been automatically dropped.",
        UserWarning,
        stacklevel=5,
    )
    return netloc.rpartition("@")[2]
