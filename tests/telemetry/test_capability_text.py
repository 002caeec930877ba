import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.telemetry.capability_text import SHORTEST, cut_capabilities
from kling_daemon.tracking import Capabilities

JOB = "01981a2b-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
CAPABILITY = Capabilities(b"k" * 32).issue(JOB)
MAC = CAPABILITY.rpartition(".")[2]
EVERYWHERE = "".join(f"%{ord(letter):02x}" for letter in CAPABILITY)


@pytest.mark.parametrize(
    "written",
    [
        CAPABILITY,
        CAPABILITY.upper(),
        CAPABILITY.lower(),
        CAPABILITY.replace(".", "%2E"),
        CAPABILITY.replace(".", "%2e").replace("-", "%2D").replace("_", "%5F"),
        quote(CAPABILITY.replace(".", "%2e"), safe=""),
        quote(quote(quote(CAPABILITY.replace(".", "%2e"), safe=""), safe=""), safe=""),
        EVERYWHERE,
        EVERYWHERE.upper(),
        quote(EVERYWHERE, safe=""),
        CAPABILITY[:-4],
        f"{CAPABILITY[:48]}%{ord(CAPABILITY[48]):02x}{CAPABILITY[49:]}",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "/webhooks/kling/{}", "https%3A%2F%2Fx.example%2Fwebhooks%2Fkling%2F{}%3Fa=b", "\xe9{}"]
)
def test_a_capability_is_cut_in_whatever_form_it_is_handed_on(written, around):
    cut = cut_capabilities(around.format(written))
    assert JOB in cut.lower()
    assert cut.count("***") == 1
    assert MAC[:-4].lower() not in cut.lower()
    assert cut.startswith(around.partition("{}")[0][:1])


def test_several_in_one_text_are_all_cut():
    cut = cut_capabilities(f"{CAPABILITY} {EVERYWHERE} {quote(EVERYWHERE, safe='')}")
    assert cut == f"{JOB}.*** {JOB}.*** {JOB}.***"


@pytest.mark.parametrize("text", [JOB, f"{JOB}.mp4", f"/jobs/{JOB}/x", "100% of 3.5", "a%20b", "%", "%zz", f"%41{JOB}"])
def test_what_holds_none_stays_as_it_is(text):
    assert cut_capabilities(text) == text


def test_what_is_encoded_over_and_over_is_masked_unread():
    text = EVERYWHERE
    for _ in range(8):
        text = quote(text, safe="")
    assert cut_capabilities(text) == "***"


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_stays_one(text):
    cut_capabilities(text).encode("latin-1")


@pytest.mark.parametrize("text", ["a" * 8000, "0123abcd-" * 900, f"{JOB}.x " * 200, "-" * 8000])
def test_a_text_that_was_made_to_take_long_takes_little(text):
    began = time.process_time()
    for _ in range(100):
        assert cut_capabilities(text) == text
    assert time.process_time() - began < 0.5


def test_none_is_shorter_than_is_looked_at():
    assert len(f"{JOB}.{MAC[:8]}") == SHORTEST < len(CAPABILITY)
