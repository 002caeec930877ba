"""Every kind of result that Kling documents is read as outputs with all their files, from a body in its dialect."""

import pytest
from recorded.kling_bodies import NAMES, parsed

from kling_daemon.clock import from_millis
from kling_daemon.kling.expiry import LIFETIME
from kling_daemon.kling.results import read_outputs

UPDATED = from_millis(1764236054436)
IMAGES, VIDEOS, SOUNDS = (
    "https://p15-kling-fdl.klingai.com/REDACTED",
    "https://v15-kling-fdl.klingai.com/REDACTED",
    "https://a.klingai.com/REDACTED",
)
AUDIO = [
    (
        *("audio", "820000000000000903", "5.1"),
        [("mp3", f"{SOUNDS}-sound.mp3"), ("wav", f"{SOUNDS}-sound.wav")],
    )
]
VOICE = [("voice", "930000000000000922", None, [("main", f"{SOUNDS}-trial.mp3")])]
ELEMENT = [
    (
        *("element", "321922438904313", None),
        [
            ("frontal", f"{IMAGES}-frontal.png"),
            ("refer", f"{IMAGES}-side.png"),
            ("refer", f"{IMAGES}-back.png"),
            ("refer", f"{SOUNDS}-trial.mp3"),
        ],
    )
]
RESULTS = {
    "legacy_result_audio": AUDIO,
    "legacy_result_element": ELEMENT,
    "legacy_result_multi_shot": [
        ("image", None, None, [(str(number), f"{IMAGES}-{number}.png") for number in (1, 2, 3)])
    ],
    "legacy_result_series": [
        ("series_image", None, None, [("main", f"{IMAGES}-{number}.png"), ("watermark", f"{IMAGES}-{number}-wm.png")])
        for number in range(3)
    ],
    "legacy_result_voice": VOICE,
    "new_result_audio": AUDIO,
    "new_result_element": ELEMENT,
    "new_result_images": [("image", None, None, [("main", f"{IMAGES}-{number}.png")]) for number in range(3)],
    "new_result_products": [
        ("product_image", "930000000000000976", None, [("main", f"{IMAGES}-product.png")]),
        ("model_images", None, None, [("1", f"{IMAGES}-model-1.png"), ("2", f"{IMAGES}-model-2.png")]),
        (
            *("product_video", "930000000000000977", "5.041"),
            [("main", f"{VIDEOS}-product.mp4"), ("cover", f"{IMAGES}-cover.png")],
        ),
    ],
    "new_result_subtitles": [
        ("subbed_video", "930000000000000975", "61.2", [("main", f"{VIDEOS}-subbed.mp4")]),
        ("srt", None, None, [("main", f"{SOUNDS}.srt")]),
        ("ass", None, None, [("main", f"{SOUNDS}.ass")]),
    ],
    "new_result_voice": VOICE,
}


def task_in(name):
    data = parsed(name)["data"]
    return data[0] if isinstance(data, list) else data


def reordered(value):
    """Return the same JSON with the keys of every object the other way round."""
    if isinstance(value, list):
        return [reordered(part) for part in value]
    if isinstance(value, dict):
        return {key: reordered(part) for key, part in reversed(value.items())}
    return value


def told(outputs):
    return [
        (output.type, output.id, output.duration, [(file.role, file.url) for file in output.files])
        for output in outputs
    ]


def test_every_recorded_result_has_its_expectation():
    assert {name for name in NAMES if "_result_" in name} == set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_every_kind_of_result_is_read_with_all_its_files(name):
    outputs = read_outputs(task_in(name), UPDATED)
    assert told(outputs) == RESULTS[name]
    assert {file.expires_at for output in outputs for file in output.files} == {UPDATED + LIFETIME}


@pytest.mark.parametrize("name", sorted(set(RESULTS) - {"legacy_result_element"}))
def test_the_order_of_the_keys_changes_nothing(name):
    assert read_outputs(reordered(task_in(name)), UPDATED) == read_outputs(task_in(name), UPDATED)


def test_an_elements_front_comes_first_whatever_the_order_of_the_keys():
    task = task_in("legacy_result_element")
    [element], [backwards] = read_outputs(task, UPDATED), read_outputs(reordered(task), UPDATED)
    assert backwards.url == element.url == f"{IMAGES}-frontal.png"
    assert set(backwards.files) == set(element.files)


@pytest.mark.parametrize("kind", ["audio", "element", "voice"])
def test_what_both_dialects_tell_is_the_same(kind):
    legacy, new = (read_outputs(task_in(f"{dialect}_result_{kind}"), UPDATED) for dialect in ("legacy", "new"))
    assert legacy == new
