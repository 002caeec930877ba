import ast
from pathlib import Path

import pytest

import kling_daemon_download

PACKAGE = Path(kling_daemon_download.__file__).parent


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_the_plugin_imports_nothing_of_the_daemon_but_its_door(file):
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
    assert {name for name in imported if name.split(".")[0] == "kling_daemon"} <= {"kling_daemon.plugin"}
