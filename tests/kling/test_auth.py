import pytest

from kling_daemon.kling.auth import ApiKey


def test_a_key_is_sent_as_a_bearer_token():
    assert ApiKey(key="sk-live-1").authorization() == "Bearer sk-live-1"


def test_a_key_never_shows_itself():
    key = ApiKey(key="sk-live-1")
    assert "sk-live-1" not in f"{key} {key!r}"


@pytest.mark.parametrize("text", ["", "sk live", "sk\r\nX-Evil: 1", "schlüssel", "sk\ud800"])
def test_what_cannot_stand_in_a_header_is_refused_without_being_quoted(text):
    with pytest.raises(ValueError, match="API key") as caught:
        ApiKey(key=text)
    assert not text or text not in str(caught.value)
