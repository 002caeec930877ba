from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.config.networks import parse_network


@given(st.text())
def test_no_text_makes_anything_but_a_refusal(text):
    try:
        parse_network(text)
    except ValueError as error:
        assert str(error).startswith("must be a ")  # noqa: PT017 - only if there is one


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.20.0.0/16", "10.20.0.0/16"),
        (" fd00:1::/64 ", "fd00:1::/64"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("::1", "::1/128"),
    ],
)
def test_a_network_may_be_one_address(text, network):
    assert parse_network(text) == parse_network(ip_network(network)) == ip_network(network)


def test_an_address_with_a_network_around_it_is_told_the_network():
    with pytest.raises(ValueError, match=r'must be a network, which 10\.1\.2\.3/16 lies within: "10\.1\.0\.0/16"'):
        parse_network("10.1.2.3/16")


@pytest.mark.parametrize(
    "value", ["", "ten", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/8/8", 7, None, "fe80::1%lo", "a.com", True]
)
def test_what_is_no_network_is_refused(value):
    with pytest.raises(ValueError, match="must be a network such as"):
        parse_network(value)
