"""Who sent a request, when proxies may have handed it on and anybody may have made up headers."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.tracking.senders import is_within, read_address, sender_of

PROXIES = [ip_network(text) for text in ("10.0.0.0/8", "2001:db8:aaaa::/48", "127.0.0.1")]
PROXY, STRANGER = "10.0.0.1", "198.51.100.9"
XFF, FWD = "X-Forwarded-For", "Forwarded"

ROWS = {
    "no header": (PROXY, [], PROXY),
    "a stranger's headers": (STRANGER, [(XFF, "192.0.2.1"), (FWD, "for=192.0.2.1")], STRANGER),
    "one address": (PROXY, [(XFF, "192.0.2.1")], "192.0.2.1"),
    "what stands left is made up": (PROXY, [(XFF, "203.0.113.5, 192.0.2.1")], "192.0.2.1"),
    "proxies to the right are passed over": (PROXY, [(XFF, "203.0.113.5, 192.0.2.1, 10.9.9.9,10.8.8.8")], "192.0.2.1"),
    "proxies made up to the left": (PROXY, [(XFF, "10.1.1.1, 192.0.2.1")], "192.0.2.1"),
    "proxies alone": (PROXY, [(XFF, "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
    "two lines are one list": (PROXY, [(XFF, "203.0.113.5"), (XFF, "192.0.2.1")], "192.0.2.1"),
    "the second line is the proxies'": (PROXY, [(XFF, "192.0.2.1"), (XFF, "10.2.2.2")], "192.0.2.1"),
    "a port": (PROXY, [(XFF, "192.0.2.1:8080")], "192.0.2.1"),
    "IPv6": (PROXY, [(XFF, "2001:db8::7")], "2001:db8::7"),
    "IPv6 in brackets": (PROXY, [(XFF, "[2001:db8::7]")], "2001:db8::7"),
    "IPv6 with a port": (PROXY, [(XFF, "[2001:db8::7]:443")], "2001:db8::7"),
    "an IPv6 proxy": ("2001:db8:aaaa::1", [(XFF, "192.0.2.1, 2001:db8:aaaa::2")], "192.0.2.1"),
    "IPv4 in IPv6": ("::ffff:10.0.0.1", [(XFF, "::ffff:192.0.2.1")], "192.0.2.1"),
    "a zone": ("::ffff:10.0.0.1%eth0", [(XFF, "192.0.2.1")], "192.0.2.1"),
    "not known": (PROXY, [(XFF, "192.0.2.1, unknown")], None),
    "no address": (PROXY, [(XFF, "192.0.2.1, evil")], None),
    "digits that are none": (PROXY, [(XFF, "192.0.2.1, \uff11.2.3.4")], None),
    "an octal form": (PROXY, [(XFF, "192.0.2.01")], None),
    "one number": (PROXY, [(XFF, "3221225985")], None),
    "empty": (PROXY, [(XFF, "")], PROXY),
    "commas alone": (PROXY, [(XFF, ", ,")], PROXY),
    "Forwarded": (PROXY, [(FWD, "for=192.0.2.1;proto=https;by=203.0.113.43")], "192.0.2.1"),
    "Forwarded in other letters": (PROXY, [(FWD, "Proto=https; FOR=192.0.2.1")], "192.0.2.1"),
    "Forwarded, quoted": (PROXY, [(FWD, 'for="192.0.2.1:47011"')], "192.0.2.1"),
    "Forwarded, IPv6": (PROXY, [(FWD, 'for="[2001:db8::7]:4711"')], "2001:db8::7"),
    "Forwarded, escaped": (PROXY, [(FWD, r'for="\1\92.0.2.1"')], "192.0.2.1"),
    "Forwarded, several": (PROXY, [(FWD, "for=203.0.113.5, for=192.0.2.1, for=10.2.2.2")], "192.0.2.1"),
    "Forwarded, two lines": (PROXY, [(FWD, "for=203.0.113.5"), (FWD, "for=192.0.2.1;by=10.0.0.1")], "192.0.2.1"),
    "Forwarded, a comma in quotes": (PROXY, [(FWD, 'for=192.0.2.1;host="a, for=203.0.113.5"')], "192.0.2.1"),
    "Forwarded, a quote in quotes": (PROXY, [(FWD, r'host="\", for=203.0.113.5", for=192.0.2.1')], "192.0.2.1"),
    "Forwarded, obfuscated": (PROXY, [(FWD, "for=192.0.2.1, for=_hidden")], None),
    "Forwarded, not known": (PROXY, [(FWD, "for=192.0.2.1, for=unknown")], None),
    "Forwarded without a for": (PROXY, [(FWD, "for=192.0.2.1, proto=https")], None),
    "Forwarded, IPv6 without quotes": (PROXY, [(FWD, "for=[2001:db8::7]")], "2001:db8::7"),
    "Forwarded, a quote that never ends": (PROXY, [(FWD, 'for=192.0.2.1, for="10.2.2.2')], None),
    "Forwarded, nonsense to the right": (PROXY, [(FWD, "for=192.0.2.1, ===")], None),
    "Forwarded, nonsense to the left": (PROXY, [(FWD, '"", for=192.0.2.1')], None),
    "Forwarded, empty elements": (PROXY, [(FWD, ", for=192.0.2.1, ,")], "192.0.2.1"),
    "both that agree": (PROXY, [(FWD, "for=192.0.2.1"), (XFF, "203.0.113.5, 192.0.2.1")], "192.0.2.1"),
    "both that disagree": (PROXY, [(FWD, "for=203.0.113.5"), (XFF, "192.0.2.1")], None),
    "the other way round": (PROXY, [(XFF, "203.0.113.5"), (FWD, "for=192.0.2.1")], None),
    "one of them unknown": (PROXY, [(FWD, "for=192.0.2.1"), (XFF, "unknown")], None),
    "no peer": (None, [(XFF, "192.0.2.1")], None),
}


@pytest.mark.parametrize(("peer", "headers", "sender"), ROWS.values(), ids=ROWS)
def test_the_table(peer, headers, sender):
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    assert sender_of(peer, raw, PROXIES) == (sender and ip_address(sender))


@given(st.text(max_size=100), st.sampled_from([XFF, FWD]))
def test_whatever_the_sender_makes_up_does_nothing(made_up, name):
    own = "192.0.2.1" if name == XFF else "for=192.0.2.1"
    raw = [(name.encode(), made_up.encode() + b", " + own.encode())]
    # A quote that the sender leaves open may hide him, and shows nobody else.
    assert sender_of(PROXY, raw, PROXIES) in {ip_address("192.0.2.1"), None}
    raw = [(name.encode(), made_up.encode()), (name.encode(), own.encode())]
    assert sender_of(PROXY, raw, PROXIES) in {ip_address("192.0.2.1"), None}


@given(st.binary(max_size=200), st.sampled_from([b"forwarded", b"X-Forwarded-For"]))
def test_no_bytes_raise(value, name):
    sender_of(PROXY, [(name, value)], PROXIES)


def test_an_unknown_address_is_in_no_network():
    assert not is_within(None, [ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert read_address("") is None
    assert is_within(read_address("::ffff:10.0.0.1"), PROXIES)
