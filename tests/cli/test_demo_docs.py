import re
from pathlib import Path

from fakes.demo_outcome import outcome

from kling_daemon.cli.demo_summary import FILE_HEADINGS, facts
from kling_daemon.demo import ENDPOINTS, HANDLERS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()


def test_the_documented_summary_has_the_lines_of_a_real_one_in_their_order():
    (block,) = re.findall(r"```\n(FILE .*?)```", DOCUMENT, flags=re.DOTALL)
    lines = block.splitlines()
    assert re.split(r" {2,}", lines[0]) == list(FILE_HEADINGS)
    numbers = lines[lines.index("", 1) + 1 : -3]
    assert [line[:13].rstrip() for line in numbers] == [name for name, _ in facts(outcome())]


def test_what_takes_part_is_named():
    for name in (*ENDPOINTS, *HANDLERS):
        assert f"`{name}`" in DOCUMENT
