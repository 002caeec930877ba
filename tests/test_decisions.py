"""The index of the decisions names each page once, by its number and its own first line."""

import re
from pathlib import Path

import kling_daemon

FOLDER = Path(kling_daemon.__file__).parents[1] / "docs" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def test_each_page_is_in_the_index_under_its_number_and_by_its_title():
    index = re.findall(r"^(\d+)\. \[(.+)\]\((.+\.md)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert [(int(number), title, name) for number, title, name in index] == [
        (number, page.read_text().splitlines()[0].removeprefix("# "), page.name) for number, page in enumerate(PAGES, 1)
    ]


def test_no_two_pages_have_one_number():
    assert [int(page.name.partition("-")[0]) for page in PAGES] == [*range(1, len(PAGES) + 1)]
