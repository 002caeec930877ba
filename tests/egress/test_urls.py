import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kling_daemon.egress.rules import Rules
from kling_daemon.egress.urls import host_of, parse, resolve
from kling_daemon.http_client import HttpRefusedError


@given(st.text(), st.booleans())
def test_no_text_makes_anything_but_a_refusal(text, allow_http):
    with suppress(HttpRefusedError):
        Rules(allow_http=allow_http).admit(parse(text))


@given(st.text())
def test_no_redirect_makes_anything_but_a_refusal(location):
    with suppress(HttpRefusedError):
        Rules(allow_http=True).admit(resolve(URL("https://h/a/b?sign=x"), location))


@pytest.mark.parametrize("text", ["https://h/a%2Fb?x=%7e%3D+%20&y=~", "https://h/%C3%A4"])
def test_what_is_encoded_stays_byte_for_byte(text):
    assert str(parse(text)) == text


def test_what_is_not_encoded_is():
    assert str(parse("https://h/a b?x=ä\r\nHost: evil")) == "https://h/a%20b?x=%C3%A4Host:+evil"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/c?x=%2F", "https://h/c?x=%2F"),
        ("c", "https://h/a/c"),
        ("//other/c", "https://other/c"),
        ("http://other:8080/", "http://other:8080/"),
    ],
)
def test_a_redirect_is_resolved_against_where_it_came_from(location, target):
    assert str(resolve(URL("https://h/a/b?sign=x"), location)) == target


@pytest.mark.parametrize("location", ["http://[::1/", "https://a:99999/", "//[x", "https://\ud800/"])
def test_a_redirect_that_is_no_url_is_the_fault_of_whoever_redirects(location):
    with pytest.raises(HttpRefusedError, match=r"^h redirects to something that is not a valid URL$"):
        resolve(URL("https://h/a/b?sign=x"), location)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://cdn.example.com/a", "cdn.example.com"),
        ("https://CDN.Example.COM./", "cdn.example.com."),
        ("https://ex\u00e4mple.com/", "xn--exmple-cua.com"),
        ("https://a_b.example-c.com:8443/", "a_b.example-c.com"),
        ("https://user:pw@cdn.example.com/", "cdn.example.com"),
        ("https://8.8.8.8/", IPv4Address("8.8.8.8")),
        ("https://[2606:4700::1111]/", IPv6Address("2606:4700::1111")),
        ("https://[::ffff:10.0.0.1]/", IPv6Address("::ffff:a00:1")),
        ("https://[0:0:0:0:0:ffff:a00:1]/", IPv6Address("::ffff:a00:1")),
        # Digits and dots of other scripts are those of ours to whoever looks a name up, and so they are to us.
        ("https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", IPv4Address("127.0.0.1")),
        ("https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", IPv4Address("127.0.0.1")),
        ("https://127\u30020\u30020\u30021/", IPv4Address("127.0.0.1")),
    ],
)
def test_a_host_is_what_is_connected_to(text, host):
    found = host_of(parse(text))
    assert (found.lower() if isinstance(found, str) else found) == host


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.0x0.0.0x1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.0.0.01", "127.0.0.1"),
        ("1", "0.0.0.1"),
        ("0x1", "0.0.0.1"),
        ("010.8.8.8", "8.8.8.8"),
    ],
)
def test_another_spelling_of_an_address_is_refused_with_what_it_means(host, meant):
    with pytest.raises(HttpRefusedError, match=f"^{re.escape(host)} is another spelling of {re.escape(meant)}: "):
        host_of(parse(f"https://{host}/"))


@pytest.mark.parametrize(
    "host", ["256.0.0.1", "1.2.3.4.5", "99999999999", "0x", "example.123", "a.0x1", "%31%32%37.0.0.1", "[::1:]", "[:]"]
)
def test_what_ends_in_a_number_and_is_no_address_is_refused(host):
    with pytest.raises(HttpRefusedError, match=r"not a valid"):
        host_of(parse(f"https://{host}/"))


@pytest.mark.parametrize("host", ["[::1%lo]", "[::1%25lo]", "[fe80::1%25eth0]", "[fe80::1%1]", "[2606:4700::1%25x]"])
def test_an_address_with_a_zone_is_refused(host):
    with pytest.raises(HttpRefusedError, match=r"an address with a zone"):
        host_of(parse(f"https://{host}/"))


@pytest.mark.parametrize(
    "host",
    ["localhost%00.example.com", "a..b", ".a", ".", "a b", "-a.com", "a" * 64, "a." * 127 + "aa", "a%",
     "*.example.com", "a,b", "$(a)", "\x1b[31m", ":A", "a:b", "a:99999"],
)  # fmt: skip
def test_what_is_no_host_name_is_refused_and_not_repeated(host):
    with pytest.raises(HttpRefusedError, match=r"^the address (has no valid host name|is not a valid URL)$"):
        host_of(parse(f"https://{host}/"))


@given(st.text())
def test_whatever_stands_for_a_host_is_refused_or_is_one(text):
    with suppress(HttpRefusedError):
        host = host_of(parse(f"https://{text}/"))
        assert not isinstance(host, str) or re.fullmatch(r"[A-Za-z0-9_.-]+", host)


@given(st.ip_addresses(v=4), st.sampled_from(["{0}", "{0:#x}", "0{0:o}"]))
def test_no_number_alone_gets_past(address, spelling):
    """`inet_aton`, which is what looks a name up first, takes each of them for an address."""
    written = spelling.format(int(address))
    with pytest.raises(HttpRefusedError):
        host_of(parse(f"https://{written}/"))
