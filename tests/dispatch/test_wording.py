from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.dispatch.wording import describe, innermost, one_line


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@given(text=st.text(max_size=2000))
def test_whatever_is_said_becomes_one_short_line(text):
    line = one_line(text)
    assert len(line) <= 500
    assert len(line.splitlines()) <= 1


def test_urls_lose_their_queries_and_passwords():
    said = "GET https://me:pw@cdn.test/a.mp4?ksTime=1&sig=abc#x failed, see http://b.test/c?d=e."
    assert one_line(said) == "GET https://cdn.test/a.mp4?*** failed, see http://b.test/c?***"


def test_urls_in_brackets_and_quotes_lose_their_queries_too():
    assert one_line("('https://cdn.test/a?sig=abc', 403)") == "('https://cdn.test/a?***', 403)"


def test_keys_and_webhook_secrets_do_not_get_into_what_is_stored():
    said = "401 for {'Authorization': 'Bearer sk-live-1'}, secret whsec_dGVzdA=="
    assert one_line(said) == "401 for {'Authorization': 'Bearer ***'}, secret whsec_***"


def test_what_is_no_text_can_be_stored_all_the_same():
    named_by_bytes = b"no \xff.mp4".decode("utf-8", "surrogateescape")
    assert describe(ValueError(named_by_bytes)) == r"ValueError: no \udcff.mp4"


def test_an_exception_is_told_by_type_and_message():
    assert describe(ValueError("bad\n  value")) == "ValueError: bad value"
    assert describe(KeyError()) == "KeyError"
    assert describe(MuteError()) == "MuteError: (its message cannot be read)"


def test_a_group_of_one_is_told_by_what_it_holds():
    inner = ValueError("x")
    assert innermost(ExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner
    group = ExceptionGroup("a", [inner, inner])
    assert innermost(group) is group
