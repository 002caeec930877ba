import re
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.egress.ranges import LOOPBACK, carried_by, what_is
from kling_daemon.egress.rules import Rules
from kling_daemon.egress.urls import parse
from kling_daemon.http_client import HttpRefusedError

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def rules(*networks, **settings):
    return Rules(networks=tuple(map(ip_network, networks)), **settings)


def objection(address, *networks):
    return rules(*networks).objection(ip_address(address))


@pytest.mark.parametrize("text", ["", "/a", "file:///etc/passwd", "javascript:alert(1)", "https://", "data:,x"])
@pytest.mark.parametrize("allow_http", [True, False])
def test_what_is_no_web_address_is_refused(text, allow_http):
    with pytest.raises(HttpRefusedError):
        rules(allow_http=allow_http).admit(parse(text))


def test_plain_http_is_refused_with_the_setting_that_would_allow_it():
    rules(allow_http=True).admit(parse("http://h/"))
    with pytest.raises(HttpRefusedError, match=r"h: plain http is refused; \[egress\] allow_http = true"):
        rules().admit(parse("http://h/?sign=secret"))


@pytest.mark.parametrize("host", ["10.0.0.5", "[::ffff:10.0.0.5]", "[64:ff9b::10.0.0.5]", "[2002:a00:5::1]"])
def test_an_address_in_a_url_is_refused_with_what_it_is_and_the_setting_that_would_allow_it(host):
    with pytest.raises(HttpRefusedError) as caught:
        rules().admit(parse(f"https://{host}/?sign=secret"))
    assert "10.0.0.5" in str(caught.value)
    assert "a private address" in str(caught.value)
    assert '[egress] networks = ["10.0.0.5/32"' in str(caught.value)
    assert "secret" not in str(caught.value)


@given(st.one_of(addresses, st.ip_addresses(v=4).map(lambda carried: ip_address(f"::ffff:{carried}"))))
def test_what_a_refusal_says_would_allow_it_does(address):
    told = objection(str(address)) or ""
    named = re.findall(r'"([0-9a-f.:/]+)"', told)
    assert bool(named) == ("would allow it" in told)
    if named:
        assert objection(str(address), *named) is None


@given(addresses)
def test_what_is_public_is_allowed_and_nothing_else(address):
    assert (rules().objection(address) is None) == (what_is(address) is None)


@given(addresses)
def test_a_network_opens_what_lies_in_it_and_carries_nothing_that_is_closed(address):
    opened = rules("10.0.0.0/8", "64:ff9b::/96").objection(address)
    expected = [
        what_is(reached)
        for reached in (address, *carried_by(address))
        if reached not in ip_network("10.0.0.0/8") and reached not in ip_network("64:ff9b::/96")
    ]
    assert (opened is None) == (not any(expected))


def test_what_carries_another_address_is_allowed_only_if_both_are():
    assert "10.0.0.1, a private address" in objection("64:ff9b::10.0.0.1", "64:ff9b::/96")
    assert "a NAT64 address" in objection("64:ff9b::10.0.0.1", "10.0.0.0/8")
    assert objection("64:ff9b::10.0.0.1", "64:ff9b::/96", "10.0.0.0/8") is None
    assert objection("64:ff9b::8.8.8.8", "64:ff9b::/96") is None
    assert "a loopback address" in objection("::ffff:127.0.0.1", "::ffff:0:0/96")
    assert "an IPv4-mapped address" in objection("::ffff:127.0.0.1", "127.0.0.0/8")


@pytest.mark.parametrize(
    ("address", "around"),
    [("169.254.169.254", "169.254.0.0/16"), ("fd00:ec2::254", "fd00::/8"), ("100.100.100.200", "0.0.0.0/0"),
     ("64:ff9b::169.254.169.254", "64:ff9b::/96")],
)  # fmt: skip
def test_where_clouds_hand_out_credentials_is_opened_by_that_address_alone(address, around):
    assert "where clouds hand out credentials" in objection(address, around)
    assert "would allow" not in objection(address, around)
    inside = [*carried_by(ip_address(address)), ip_address(address)][0]
    assert objection(address, around, f"{inside}/{inside.max_prefixlen}") is None


def test_a_zone_is_never_allowed():
    assert "a zone" in objection("fe80::1%lo", "fe80::/10", "::/0")
    assert "a zone" in objection("2606:4700::1%1")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("cdn.example.com", True),
        ("CDN.example.com.", True),
        ("cdn.example.com.evil.net", False),
        ("xcdn.example.com", False),
        ("example.com", False),
        ("a.results.example", True),
        ("a.b.results.example", True),
        ("results.example", False),
        ("aresults.example", False),
        ("8.8.8.8", True),
        ("8.8.4.4", False),
        ("[2606:4700::1111]", True),
        ("[2606:4700:0:0::1111]", True),
    ],
)
def test_only_named_hosts_are_asked(host, allowed):
    named = rules(hosts=("cdn.example.com", "*.results.example", "8.8.8.8", "2606:4700::1111"))
    if allowed:
        named.admit(parse(f"https://{host}/"))
    else:
        with pytest.raises(HttpRefusedError, match=r"is not among the \[egress\] hosts"):
            named.admit(parse(f"https://{host}/"))


def test_a_named_host_opens_no_address():
    with pytest.raises(HttpRefusedError, match="a loopback address"):
        rules(hosts=("127.0.0.1",)).admit(parse("https://127.0.0.1/"))


def test_this_machine_is_what_is_called_loopback():
    opened = Rules(networks=LOOPBACK)
    for address in ("127.0.0.1", "127.1.2.3", "::1"):
        assert opened.objection(ip_address(address)) is None
    assert "a private address" in opened.objection(ip_address("10.0.0.1"))
