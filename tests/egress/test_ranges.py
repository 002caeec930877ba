import ipaddress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.egress.ranges import METADATA, carried_by, what_is

PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "198.17.255.255",
          "169.253.255.255", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::8a", "2400:cb00::1", "2001:4860::1",
          "2003::1", "2001:db7:ffff::1", "2001:200::1", "3ffe::1"]  # fmt: skip
KINDS = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - refused here, not bound
    "loopback": ["127.0.0.1", "127.255.255.255", "::1"],
    "private": ["10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fdff::1"],
    "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"],
    "CGNAT": ["100.64.0.0", "100.127.255.255"],
    "where clouds": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"],
    "protocols": ["192.0.0.8", "2001:1::1", "2001:20::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1", "3fff:fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "6to4": ["192.88.99.1", "2002::1", "2002:808:808::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast": ["255.255.255.255"],
    "reserved": ["240.0.0.1", "255.255.255.254", "4000::1", "8000::1", "e000::1", "200::1", "1000::1"],
    "IPv4-compatible": ["::2", "::127.0.0.1", "::8.8.8.8"],
    "IPv4-mapped": ["::ffff:10.0.0.1", "::ffff:8.8.8.8"],
    "IPv4-translated": ["::ffff:0:127.0.0.1"],
    "NAT64": ["64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:ffff::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "site-local": ["fec0::1", "feff::1"],
    "segment routing": ["5f00::1"],
    "discards": ["100::1"],
}
CARRIED = {
    "::ffff:10.0.0.1": ["10.0.0.1"],
    "::127.0.0.1": ["127.0.0.1"],
    "::ffff:0:127.0.0.1": ["127.0.0.1"],
    "64:ff9b::169.254.169.254": ["169.254.169.254"],
    "64:ff9b:1::10.0.0.1": ["10.0.0.1"],
    "2002:7f00:1::": ["127.0.0.1"],
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": ["65.54.227.120", "192.0.2.45"],
    "2606:4700::1111": [],
    "::1": [],
    "::": [],
    "10.0.0.1": [],
}

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
"""Hypothesis draws often from the special ranges that it knows."""


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_nothing_else(text):
    assert what_is(ip_address(text)) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts])
def test_each_kind_is_called_by_its_name(kind, text):
    assert kind in what_is(ip_address(text))


@given(addresses)
def test_whatever_python_calls_special_is_not_public_here_either(address):
    special = (
        not address.is_global
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
        or getattr(address, "ipv4_mapped", None) is not None
        or getattr(address, "sixtofour", None) is not None
        or getattr(address, "teredo", None) is not None
    )
    assert not special or what_is(address) is not None


@pytest.mark.parametrize(
    "text", ["224.0.0.1", "168.63.129.16", "64:ff9b::a00:1", "2002:a00:1::", "4000::1", "192.88.99.1"]
)
def test_what_some_version_of_python_calls_global_is_not_enough(text):
    assert what_is(ip_address(text)) is not None


@pytest.mark.parametrize(("text", "carried"), CARRIED.items())
def test_what_an_address_carries_is_found(text, carried):
    assert [str(address) for address in carried_by(ip_address(text))] == carried


@given(st.ip_addresses(v=4))
def test_what_python_finds_inside_is_found(inside):
    mapped = IPv6Address(int(IPv6Address("::ffff:0:0")) | int(inside))
    relayed = IPv6Address(int(IPv6Address("2002::")) | int(inside) << 80)
    for outer, found in ((mapped, mapped.ipv4_mapped), (relayed, relayed.sixtofour)):
        assert list(carried_by(outer)) == [found] == [inside]
    tunnelled = IPv6Address(int(IPv6Address("2001::")) | int(inside) << 64 | (~int(inside) & 0xFFFF_FFFF))
    assert tuple(carried_by(tunnelled)) == tunnelled.teredo == (inside, inside)


@given(st.ip_addresses(v=6, network="2000::/3"))
def test_what_carries_another_is_never_public_itself(address):
    assert not list(carried_by(address)) or what_is(address) is not None


def test_the_addresses_of_clouds_are_told_as_such_wherever_they_lie():
    assert {what_is(address) for address in METADATA} == {"where clouds hand out credentials"}
    assert any(isinstance(address, IPv4Address) and address.is_global for address in METADATA)
    assert ipaddress.ip_address("169.254.169.254") in METADATA
