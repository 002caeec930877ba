"""Every kind of notice is explained to the operator."""

import re
from pathlib import Path

from kling_daemon.events import NoticeKind

DOCS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()


def test_the_operations_tell_what_to_do_about_every_kind_of_notice_and_about_no_other():
    table = DOCS.partition("\n## Notices\n")[2]
    assert set(re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", table, flags=re.MULTILINE)) == set(NoticeKind)
