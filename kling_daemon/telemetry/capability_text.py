"""Finds capabilities in texts, also as proxies and programs write them anew, and cuts off what makes them good.

A capability is `<job id>.<mac>` in a callback URL. Whoever has it may have Kling asked about the job, so it stands in
no log line and in no row; the job's id in it is no secret.
"""

import re
from urllib.parse import unquote

MASK = "***"

SHORTEST = 45
"""What is shorter has nothing to cut: it has no room for an id, a full stop and enough of a MAC."""

_DEEPEST = 5
"""How many times over a text may be percent-encoded; what is so more often is nothing that anybody needs to read."""

# Of any length, since a part of the MAC is half a secret; in any case, since lower case tells most of it; and with what
# is percent-encoded in its middle. It begins with a sign and looks back at the rest of the id: a search for digits
# takes a hundred times as long in a text that somebody has made for it.
_FORM = re.compile(
    r"(?P<end>-[0-9a-f]{12})(?<=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.[A-Za-z0-9_%-]{8,}",
    re.IGNORECASE,
)


def cut_capabilities(text: str) -> str:
    """Return a text without the secret half of any capability, plain or percent-encoded, of whatever job or key.

    A text that had one under its encoding is returned decoded, as far as was needed to see it.
    """
    cut = _cut(text)
    if "%" not in cut:
        return cut
    decoded = cut
    for _ in range(_DEEPEST):
        further = unquote(decoded, encoding="latin-1")
        if further == decoded:
            return cut
        decoded = _cut(further)
        if decoded != further:
            cut = decoded
    return MASK


def _cut(text: str) -> str:
    return _FORM.sub(rf"\g<end>.{MASK}", text)
