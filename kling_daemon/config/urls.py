"""The two URLs of the configuration: Kling's, and the one by which Kling reaches us."""

from typing import Annotated
from urllib.parse import urlsplit

import pydantic


def parse_root_url(value: object) -> str:
    """Read an http(s) URL to which paths are appended: no query, fragment or credentials. Raises ValueError."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError('must be a URL that begins with "https://" or "http://"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without a query or fragment")
    return text.rstrip("/")


RootUrl = Annotated[str, pydantic.BeforeValidator(parse_root_url)]
