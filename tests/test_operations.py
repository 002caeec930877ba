"""The page for operators is found one's way in: each of its sections stands in the tables at its top."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()


def test_every_section_is_named_at_the_top_by_what_one_sees_or_wants_to_do():
    top, _, rest = PAGE.partition("\n## ")
    headings = re.findall(r"^## (.*)$", "## " + rest, flags=re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([a-z0-9-]+)\)", top)) == anchors
