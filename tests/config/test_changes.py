"""Which keys a reload puts into force is declared once, and told as it is."""

import re
from pathlib import Path

import pydantic
import pytest

from kling_daemon.config import Settings
from kling_daemon.config.changes import LIVE, changes, is_live, with_live_keys

DOCS = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def settings(**sections):
    return Settings.model_validate({"store": {"directory": "/nowhere"}, **sections})


def secrets(**texts):
    return {"secrets": {name: pydantic.SecretStr(text) for name, text in texts.items()}}


@pytest.mark.parametrize("key", LIVE)
def test_every_live_key_exists(key):
    section, name = key
    assert name in Settings.model_fields[section].annotation.model_fields


def test_the_documentation_names_the_live_keys_and_no_other():
    part = DOCS.split("\n## Changing a running daemon\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| `([a-z_]+)\.([a-z_]+)(?:\.NAME)?` \|", part, re.MULTILINE)
    assert sorted(told) == sorted(LIVE)


def test_live_keys_are_compared_with_what_is_in_force_and_the_others_with_the_start():
    started = settings(trust={"tolerance": "5m"}, poller={"interval": "15s"})
    in_force = settings(trust={"tolerance": "1m"}, poller={"interval": "15s"})
    read = settings(trust={"tolerance": "5m"}, poller={"interval": "20s"})
    found = changes(started=started, in_force=in_force, read=read)
    assert found.live == ("trust.tolerance",)
    assert found.restart == ("poller.interval",)
    assert changes(started=started, in_force=in_force, read=in_force).live == ()


def test_secrets_and_handlers_are_told_by_their_names_alone():
    started = settings(trust=secrets(old="whsec_b2xk", same="whsec_c2FtZQ=="), handlers={"gone": {"type": "a"}})
    read = settings(trust=secrets(new="whsec_bmV3", same="whsec_c2FtZQ=="), handlers={"made": {"type": "a", "own": 1}})
    found = changes(started=started, in_force=started, read=read)
    assert found.live == ("trust.secrets.new", "trust.secrets.old")
    assert found.restart == ("handlers.gone", "handlers.made")


def test_a_plugins_own_key_is_a_change_of_its_handler():
    started, read = (settings(handlers={"a": {"type": "a", "own": value}}) for value in (1, 2))
    assert changes(started=started, in_force=started, read=read).restart == ("handlers.a",)


def test_what_is_in_force_after_a_reload_has_the_live_keys_only():
    started = settings(trust={"adopt": "none"}, receiver={"path": "/old"})
    read = settings(trust={**secrets(new="whsec_bmV3"), "adopt": "all", "confirm": "never"}, receiver={"path": "/new"})
    after = with_live_keys(started, read)
    assert (after.receiver.path, after.trust.adopt) == ("/old", "none")
    assert (after.trust.confirm, list(after.trust.secrets)) == ("never", ["new"])
    assert changes(started=started, in_force=after, read=read).live == ()


def test_what_lies_below_a_live_key_is_live():
    assert is_live(("trust", "secrets", "main"))
    assert not is_live(("trust", "adopt"))
    assert not is_live(("trust",))
