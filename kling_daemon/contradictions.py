"""Whether two reports of one job's end contradict each other; what Kling fills in later, or signs anew, does not."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from kling_daemon.outputs import Output, OutputFile


def are_other_results(ours: Sequence[Output], theirs: Sequence[Output]) -> bool:
    """Return whether two lists of a job's results cannot both be true.

    Innocent are: none at all, more or fewer of the same, files of further roles, URLs with other queries or of other
    hosts, and all that is said about a result beside its id and its files.
    """
    mine = [output for output in ours if not any(_are_one(output, other) for other in theirs)]
    yours = [output for output in theirs if not any(_are_one(output, other) for other in ours)]
    return bool(mine and yours)


def _are_one(output: Output, other: Output) -> bool:
    """Return whether two may be the same result: their files, of the roles that both have, lie on the same paths."""
    paths, others = _paths(output.files), _paths(other.files)
    common = paths.keys() & others.keys()
    if not common:
        return output.id is None or other.id is None or output.id == other.id
    return all(paths[role] <= others[role] or paths[role] >= others[role] for role in common)


def _paths(files: Sequence[OutputFile]) -> dict[str, set[str]]:
    paths: dict[str, set[str]] = {}
    for file in files:
        paths.setdefault(file.role, set()).add(_path(file.url))
    return paths


def _path(url: str) -> str:
    """Return what stays of a URL: Kling's content delivery networks have hosts of several names, and sign anew."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url
