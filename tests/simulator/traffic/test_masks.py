import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.simulator.traffic.masks import Masks

CAPABILITY = "0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d.s3cretmacs3cretmac"
texts = st.text(min_size=12, max_size=30, alphabet="abcdefghijklmnop")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["prompt", "x", "contents", "image"]), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me.example/webhooks/kling", "http://receiver.invalid/webhooks/kling"),
        (f"https://me.example:8443/webhooks/kling/{CAPABILITY}", "http://receiver.invalid/webhooks/kling/masked-1"),
        (f"/webhooks/kling/{CAPABILITY}", "http://receiver.invalid/webhooks/kling/masked-1"),
        (
            "https://u:p@me.example/h00k?token=abc&token=abc",
            "http://receiver.invalid/masked-1?token=masked-2&token=masked-2",
        ),
        ("https://me.example", "http://receiver.invalid/"),
        ("nonsense", "http://receiver.invalid/nonsense"),
        ("http://[nonsense/token-of-mine", "http://receiver.invalid/"),
    ],
)
def test_of_a_callback_url_only_plain_words_stay(url, shown):
    assert Masks().callback_url(url) == shown


def test_what_was_the_same_stays_the_same():
    masks = Masks()
    first, again, other = (masks.callback_url(f"http://x/hook/{name}1") for name in "aab")
    assert first == again != other


@given(json_values)
def test_no_text_of_a_request_stays_but_known_words(body):
    shown = json.dumps(Masks().request({"prompt": "p", "given": body}))

    def found(value):
        if isinstance(value, str):
            yield value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from found(inner)

    assert not [text for text in found(body) if text in shown]


def test_known_words_numbers_and_ids_of_a_request_stay():
    body = {
        "model_name": "kling-v2",
        "n": 3,
        "prompt": "my grandmother",
        "settings": {"duration": "5", "sound": True},
        "options": {"external_task_id": "order-7", "callback_url": f"https://me.example/{CAPABILITY}"},
    }
    assert Masks().request(body) == {
        "model_name": "kling-v2",
        "n": 3,
        "prompt": "masked (14 characters)",
        "settings": {"duration": "5", "sound": True},
        "options": {"external_task_id": "order-7", "callback_url": "http://receiver.invalid/masked-1"},
    }
    kept = Masks(keep_prompts=True).request(body | {"image": "A" * 5000})
    assert (kept["prompt"], kept["image"]) == ("my grandmother", "masked (5000 characters)")
    assert "s3cret" not in str(kept)


def test_of_answers_signed_parts_accounts_and_names_are_masked():
    answer = {
        "url": "https://user:pw@cdn.example/a/b.mp4?ksSecret=geheim&ksTime=6a0b1c2d&x-kcdn-pid=1",
        "message": "bad: https://cdn.example/x?sign=geheim and Bearer geheim.geheim",
        "owned_by": "geheim-account",
        "voice_name": "geheim",
        "status": "succeeded",
        "amount": "2.5",
        "resource_pack_id": "geheim-account",
    }
    shown = Masks().answer(answer)
    assert "geheim" not in str(shown)
    assert shown["url"] == "https://cdn.example/a/b.mp4?ksSecret=masked&ksTime=6a0b1c2d&x-kcdn-pid=masked"
    assert (shown["status"], shown["amount"]) == ("succeeded", "2.5")
    assert shown["owned_by"] == shown["resource_pack_id"] == "masked-1"


def test_account_ids_are_masked_as_numbers_too_and_a_url_that_is_none_wholly():
    shown = Masks().answer({"uid": 4711, "owned_by": "4711", "count": 4711, "url": "http://[x?token=mine"})
    assert shown == {"uid": "masked-1", "owned_by": "masked-1", "count": 4711, "url": "masked"}


def test_of_a_query_ids_and_pages_stay_and_nothing_else():
    shown = Masks().target("/tasks?task_ids=1%2C2&pageNum=3&token=geheim")
    assert shown == "/tasks?task_ids=1%2C2&pageNum=3&token=masked-1"


def test_a_body_nested_without_end_is_cut():
    body = nested = {}
    for _ in range(900):
        nested["a"] = nested = {}
    assert "masked" in str(Masks().request(body))
