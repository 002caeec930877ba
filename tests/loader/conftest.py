import uuid

import pytest
from fakes.plugin_folder import PluginFolder


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    path = tmp_path / f"site_{uuid.uuid4().hex}"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    folder = PluginFolder(path)
    yield folder
    folder.forget()
