"""Whether two reports of one job's end contradict each other; what Kling fills in later, or signs anew, does not."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from kling_daemon.outputs import Output, OutputFile


def are_other_results(ours: Sequence[Output], theirs: Sequence[Output]) -> bool:
    """Return whether two lists of a job's results cannot both be true.

    Innocent are: none at all, more or fewer of the same, files of further roles, URLs with other queries or other hosts
    of the same site, and all that is said about a result beside its id and its files.
    """
    mine = [output for output in ours if not any(_are_one(output, other) for other in theirs)]
    yours = [output for output in theirs if not any(_are_one(output, other) for other in ours)]
    return bool(mine and yours)


def _are_one(output: Output, other: Output) -> bool:
    """Return whether two may be the same result: their files, of the roles that both have, lie at the same places."""
    places, others = _places(output.files), _places(other.files)
    common = places.keys() & others.keys()
    if not common:
        return output.id is None or other.id is None or output.id == other.id
    return all(places[role] <= others[role] or places[role] >= others[role] for role in common)


def _places(files: Sequence[OutputFile]) -> dict[str, set[tuple[str, str]]]:
    places: dict[str, set[tuple[str, str]]] = {}
    for file in files:
        places.setdefault(file.role, set()).add(_place(file.url))
    return places


def _place(url: str) -> tuple[str, str]:
    """Return the site and the path of a URL: a content delivery network has many hosts, and signs anew each time."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "", url.partition("?")[0]
    return _site(host), parts.path


def _site(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return ".".join(host.rsplit(".", maxsplit=2)[-2:])
