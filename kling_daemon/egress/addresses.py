"""Which addresses may be asked at all, and how a URL is read without changing a byte of its signature."""

import re
from dataclasses import dataclass

from yarl import URL

from kling_daemon.http_client import HttpRefusedError

_ENCODED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""A URL of these characters only (RFC 3986) is already percent-encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What `[egress]` allows; asked before the first request and again at each redirect."""

    allow_http: bool

    def admit(self, url: URL) -> None:
        """Return when the URL may be asked; else raise HttpRefusedError."""
        if url.scheme not in ("http", "https"):
            raise HttpRefusedError(f"only https addresses can be asked, not {url.scheme or 'relative'} ones")
        if not url.host:
            raise HttpRefusedError("an address without a host cannot be asked")
        if url.scheme == "http" and not self.allow_http:
            raise HttpRefusedError(f"{url.host}: plain http is refused; [egress] allow_http = true would allow it")


def parse(text: str) -> URL:
    """Read a URL; raise HttpRefusedError when it is none.

    What is already percent-encoded stays as it is, byte for byte: some CDNs sign the encoded form.
    """
    try:
        return URL(text, encoded=_ENCODED.fullmatch(text) is not None)
    except ValueError:
        raise HttpRefusedError("the address is not a valid URL") from None


def resolve(url: URL, location: str) -> URL:
    """Return where a redirect from a URL leads; raise HttpRefusedError when it is no URL."""
    try:
        return url.join(parse(location))
    except ValueError:
        raise HttpRefusedError(f"{url.host} redirects to something that is not a valid URL") from None
