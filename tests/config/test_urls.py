import pytest

from kling_daemon.config.urls import parse_root_url


def test_a_url_loses_its_last_slash():
    assert parse_root_url(" https://kling.example.com/base/ ") == "https://kling.example.com/base"
    assert parse_root_url("http://127.0.0.1:9000") == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    "value",
    [
        "kling.example.com",
        "ftp://x",
        "https://",
        "https://x?y=1",
        "https://x#y",
        "https://me:pw@x",
        "https://x:port",
        "https://[",
        7,
        "",
    ],
)
def test_what_is_no_root_url_is_refused_without_showing_it(value):
    with pytest.raises(ValueError, match=r"must|is not a URL") as caught:
        parse_root_url(value)
    assert "me:pw" not in str(caught.value)
