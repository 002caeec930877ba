import re
import tomllib
from pathlib import Path

import pytest

from kling_daemon.config import HandlerSettings, Settings, load
from kling_daemon.config.changes import is_live

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.toml"
DOCUMENTED = ROOT / "docs" / "configuration.md"
EXAMPLES = {
    "kling.api_key",
    "kling.access_key",
    "kling.secret_key",
    "receiver.public_url",
    "receiver.tls_cert",
    "receiver.tls_key",
    "api.tls_cert",
    "api.tls_key",
    "trust.secrets",
    "store.directory",
    "delivery.rate",
    "api.hosts",
    "egress.proxy",
    "handlers",
}
"""What has no default, so that the file shows an example."""


KEYS = [
    (section, key)
    for section, field in Settings.model_fields.items()
    for key in (HandlerSettings if section == "handlers" else field.annotation).model_fields
]


def uncommented():
    return re.sub(r"^#(?=[a-z_\[])", "", SHIPPED.read_text(), flags=re.MULTILINE)


def test_the_shipped_file_changes_nothing():
    environ = {"HOME": "/home/someone"}
    assert load(SHIPPED, environ).settings_or_raise() == load(None, environ).settings_or_raise()


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_the_shipped_file_names_every_key(section, key):
    tree = tomllib.loads(uncommented())
    assert key in (tree["handlers"]["archive"] if section == "handlers" else tree[section])


def test_the_shipped_file_says_what_a_reload_puts_into_force():
    said = re.search(
        r"`kling-daemon reload` puts changes of (.*) into force;", SHIPPED.read_text().replace("\n# ", " ")
    )[1]
    for section, key in KEYS:
        named = f"{section}.{key}" in said or (f"[{section}]" in said and f"`{key}`" not in said)
        assert is_live((section, key)) == named, f"{section}.{key}"


def test_what_the_shipped_file_shows_as_default_is_the_default(tmp_path):
    shown = tomllib.loads(uncommented())
    for example in EXAMPLES:
        section, _, key = example.partition(".")
        if key:
            del shown[section][key]
        else:
            del shown[section]
    environ = {"HOME": "/home/someone"}
    defaults = load(None, environ).settings_or_raise()
    for section, values in shown.items():
        for key, value in values.items():
            written = f'"{value}"' if isinstance(value, str) else str(value).lower()
            (tmp_path / "one.toml").write_text(f"[{section}]\n{key} = {written}\n")
            assert load(tmp_path / "one.toml", environ).settings_or_raise() == defaults, f"{section}.{key}"


def test_the_examples_of_the_shipped_file_are_sound(tmp_path):
    (tmp_path / "secret").write_text("whsec_c2VjcmV0")
    (tmp_path / "secret").chmod(0o600)
    text = re.sub(r'file = "[^"]*"', f'file = "{tmp_path}/secret"', uncommented())
    (tmp_path / "config.toml").write_text(text)
    assert load(tmp_path / "config.toml", {"HOME": "/home/someone"}).problems == []


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_documented_in_its_section(section, key):
    heading = "### `[handlers.NAME]`" if section == "handlers" else f"### `[{section}]`"
    part = DOCUMENTED.read_text().split(heading)[1].split("\n### ")[0]
    assert re.search(rf"^\| `{key}(\.NAME)?` \|", part, re.MULTILINE)
