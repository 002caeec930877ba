"""The check of the tokens finds what can break: one that was answered and is gone, one that outlives its end."""

import pytest

from kling_daemon.prove.tokens import Made, broken_tokens


@pytest.mark.parametrize(
    ("is_revoked", "opens", "found"),
    [
        (False, True, []),
        (False, False, ["token proof-1 was made and opens nothing"]),
        (True, False, []),
        (True, True, ["token proof-1 was revoked and opens the API"]),
        (None, True, []),
        (None, False, []),
    ],
)
def test_a_token_is_what_was_answered(is_revoked, opens, found):
    assert list(broken_tokens({"proof-1": Made("t", is_revoked)}, {"proof-1": opens})) == found
