"""What is shipped for running the daemon as a service fits the program: the unit, and the README's configuration."""

import re
from datetime import timedelta
from pathlib import Path

from fakes.daemon_process import Machine

from kling_daemon.config import Settings, load
from kling_daemon.config.credentials import ACCESS_KEY, API_KEY, SECRET_KEY, WEBHOOK_SECRETS
from kling_daemon.listening.site import BACKLOG
from kling_daemon.service import RECEIVER

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
UNIT = (ROOT / "systemd" / "kling-daemon.service").read_text()
SOCKET = (ROOT / "systemd" / "kling-daemon-receiver.socket").read_text()


def values(setting, unit=UNIT):
    return re.findall(rf"^{setting}=(.*)$", unit, re.MULTILINE)


def test_the_readmes_configuration_is_sound(tmp_path):
    machine = Machine(tmp_path)
    (section,) = re.findall(r"^## Run it$(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    machine.config.write_text(shown)
    checked = machine.typed("config", "check", "--config", machine.config)
    assert (checked.status, checked.err) == (0, "")
    assert checked.out.endswith("Handlers: archive.\n")


def test_the_unit_gives_the_daemon_the_credentials_that_it_reads():
    assert values("LoadCredential") == [API_KEY, ACCESS_KEY, SECRET_KEY, WEBHOOK_SECRETS, "api_token", "capability_key"]


def test_the_unit_waits_for_longer_than_the_daemon_takes_to_stop():
    settings: Settings = load(None, {"HOME": "/"}).settings_or_raise()
    (seconds,) = values("TimeoutStopSec")
    assert timedelta(seconds=int(seconds.removesuffix("s"))) > settings.service.stop_timeout


def test_the_unit_and_the_readme_speak_of_the_same_places():
    (start,) = values("ExecStart")
    program = start.split()[0]
    assert f"ln -s {program} " in README
    for place in ("/etc/kling-daemon/config.toml", "useradd --system kling-daemon"):
        assert place in README
        assert place in UNIT
    for credential in (API_KEY, WEBHOOK_SECRETS):
        assert f"/etc/credstore/{credential} " in README


def test_the_socket_is_where_the_daemon_would_listen_under_a_name_that_it_knows():
    settings: Settings = load(None, {"HOME": "/"}).settings_or_raise()
    assert values("ListenStream", SOCKET) == [str(settings.receiver.listen)]
    assert values("FileDescriptorName", SOCKET) == [RECEIVER]
    assert values("Backlog", SOCKET) == [str(BACKLOG)]


def test_service_and_socket_belong_together_and_are_installed_together():
    assert values("Service", SOCKET) == ["kling-daemon.service"]
    for setting in ("Sockets", "Also"):
        assert values(setting) == ["kling-daemon-receiver.socket"]
    assert "systemd/kling-daemon.service systemd/kling-daemon-receiver.socket " in README


def test_a_crash_or_a_start_that_fails_leaves_the_socket_open():
    """PropagatesStopTo= and BindsTo= would close it as soon as the service is down, the others with each restart."""
    assert not values("PropagatesStopTo")
    for setting in ("BindsTo", "Requires", "Requisite", "PartOf", "StopPropagatedFrom"):
        assert not values(setting, SOCKET)


def test_a_start_may_take_as_long_as_a_copy_of_the_database_does():
    assert values("Type") == ["notify"]
    assert values("TimeoutStartSec") == ["infinity"]


def test_a_reload_tells_what_came_of_it():
    (reload,) = values("ExecReload")
    (start,) = values("ExecStart")
    assert reload == start.replace(" run ", " reload ") + " --pid $MAINPID"
