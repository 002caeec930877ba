import stat
from importlib import metadata

import pytest

from kling_daemon.config import load
from kling_daemon.demo import DemoError, Workspace, journal
from kling_daemon.hookspecs import ENTRY_POINT_GROUP
from kling_daemon.loader import configure, discover
from kling_daemon.standard_webhooks import Secret


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "private").mkdir()
    return Workspace.prepare(tmp_path / "private", tmp_path / "results")


def entry_points(workspace):
    """Return what the demo's daemon finds: what is installed here, and the journal."""
    own = metadata.distributions(path=[workspace.environ()["PYTHONPATH"].split(":")[0]])
    return [
        *metadata.entry_points(group=ENTRY_POINT_GROUP),
        *(point for found in own for point in found.entry_points.select(group=ENTRY_POINT_GROUP)),
    ]


def test_the_daemon_that_is_configured_has_two_handlers_and_no_mistake(workspace):
    receiver = workspace.configure("http://127.0.0.1:1")
    loaded = load(workspace.config, {})
    assert loaded.problems == []
    assert str(loaded.settings.receiver.public_url).rstrip("/") == receiver
    handlers, problems = configure(discover(entry_points(workspace)), loaded.settings)
    assert problems == []
    assert [handler.name for handler in handlers] == ["archive", "journal"]
    assert handlers[1].events == journal.EVENTS


def test_other_installed_plugins_are_turned_off(workspace, tmp_path, monkeypatch):
    info = tmp_path / "foreign" / "foreign-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\ntelling = {journal.__name__}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "foreign"))
    workspace.configure("http://127.0.0.1:1")
    handlers, problems = configure(discover(entry_points(workspace)), load(workspace.config, {}).settings)
    assert problems == []
    assert [handler.name for handler in handlers] == ["archive", "journal"]


def test_secrets_are_new_each_time_and_for_nobody_elses_eyes(workspace, tmp_path):
    (tmp_path / "other").mkdir()
    other = Workspace.prepare(tmp_path / "other", tmp_path)
    for name in ("api_key", "webhook_secret"):
        assert stat.S_IMODE(getattr(workspace, name).stat().st_mode) == 0o600
        assert getattr(workspace, name).read_text() != getattr(other, name).read_text()
    assert Secret.parse("demo", workspace.webhook_secret.read_text())
    workspace.configure("http://127.0.0.1:1")
    for name in ("api_key", "webhook_secret"):
        assert getattr(workspace, name).read_text() not in workspace.config.read_text()


def test_without_the_download_plugin_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(DemoError, match="pip install kling-daemon-download"):
        Workspace.prepare(tmp_path, tmp_path)
