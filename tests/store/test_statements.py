import re
from importlib.resources import files

import pytest

from kling_daemon.store.statements import Statements

FILES = sorted(file.name for file in files("kling_daemon.store").joinpath("sql").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_no_placeholder_is_numbered(name):
    """Python 3.12 warns of a numbered placeholder that is given a sequence, 3.14 refuses it."""
    statements = Statements(name.removesuffix(".sql"))
    assert [statement for statement, text in statements.items() if re.search(r"\?\d", text)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_word_in_braces_has_been_given_its_meaning(name):
    """Only the rows of a statement that takes many are left to whoever runs it."""
    words = {word for text in Statements(name.removesuffix(".sql")).values() for word in re.findall(r"{\w+}", text)}
    assert words <= {"{rows}"}
