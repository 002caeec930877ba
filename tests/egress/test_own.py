import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network

import pytest

from kling_daemon.egress.own import is_own
from kling_daemon.egress.rules import Rules
from kling_daemon.egress.urls import parse
from kling_daemon.http_client import HttpRefusedError

ASK = """
from ipaddress import ip_address
from kling_daemon.egress.own import is_own
print(*(is_own(ip_address(text)) for text in ("8.8.8.8", "8.8.9.9", "8.8.4.4", "2606:4700::1111", "2606:4700::2")))
"""
WITH_ADDRESSES = """
ip link set lo up && ip addr add 8.8.8.8/32 dev lo && ip addr add 8.8.9.9/32 dev lo || exit 77
ip -6 addr add 2606:4700::1111/128 dev lo nodad || exit 77
exec "$0" -c "$1"
"""


def test_what_binds_here_is_own():
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("8.8.8.8"))
    assert not is_own(ip_address("2606:4700::1111"))


def test_public_addresses_of_this_machine_are_found_on_every_card():
    """In a network of its own, where addresses can be given away freely; where there can be none, it is skipped."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("needs unshare and ip")
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", WITH_ADDRESSES, sys.executable, ASK]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if asked.returncode == 77 or "unshare" in asked.stderr:
        pytest.skip(f"no network of its own can be made here: {asked.stderr.strip()}")
    assert asked.stdout.split() == ["True", "True", "False", "True", "False"], asked.stderr


def test_an_own_address_is_refused_unless_it_is_opened():
    mine = ip_address("8.8.8.8")
    rules = Rules(own=lambda address: address == mine)
    with pytest.raises(
        HttpRefusedError, match=r"^8\.8\.8\.8 is an address of this machine itself; \[egress\] networks"
    ):
        rules.admit(parse("https://8.8.8.8/"))
    rules.admit(parse("https://8.8.4.4/"))
    Rules(own=rules.own, networks=(ip_network("8.8.8.8"),)).admit(parse("https://8.8.8.8/"))
