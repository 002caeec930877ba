from datetime import UTC, datetime, timedelta

import pytest
from recorded.kling_bodies import parsed

from kling_daemon.kling.results import read_outputs

UPDATED = datetime(2026, 9, 1, tzinfo=UTC)


def roles(output):
    return [file.role for file in output.files]


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        (
            {"videos": [{"id": "1", "url": "https://a/1.mp4", "watermark_url": "https://a/w.mp4", "duration": "5.1"}]},
            [
                {
                    "type": "video",
                    "id": "1",
                    "watermark_url": "https://a/w.mp4",
                    "url": "https://a/1.mp4",
                    "duration": "5.1",
                }
            ],
        ),
        (
            {"images": [{"index": 0, "url": "https://a/0.png", "watermark_url": ""}]},
            [{"type": "image", "url": "https://a/0.png", "watermark_url": "", "group_id": "1"}],
        ),
        (
            {
                "audios": [
                    {
                        "id": "1",
                        "url_mp3": "https://a/1.mp3",
                        "url_wav": "https://a/1.wav",
                        "duration_mp3": "5.0",
                        "duration_wav": "5.0",
                    }
                ]
            },
            [
                {
                    "type": "audio",
                    "id": "1",
                    "wav_url": "https://a/1.wav",
                    "mp3_url": "https://a/1.mp3",
                    "mp3_duration": "5.0",
                    "wav_duration": "5.0",
                }
            ],
        ),
    ],
    ids=["video", "image", "audio"],
)
def test_the_same_result_reads_the_same_in_both_dialects(legacy, new):
    outputs = read_outputs({"task_result": legacy}, UPDATED)
    assert outputs == read_outputs({"outputs": new}, UPDATED)
    assert len(outputs) == 1


def test_a_file_expires_when_its_url_says_or_thirty_days_after_the_update():
    [video] = read_outputs(
        {"outputs": [{"type": "video", "url": "https://a/1?ksTime=694fa816", "watermark_url": "https://a/2"}]}, UPDATED
    )
    assert [file.expires_at for file in video.files] == [
        datetime(2025, 12, 27, 9, 34, 14, tzinfo=UTC),
        UPDATED + timedelta(days=30),
    ]


def test_without_an_update_time_nothing_is_made_up_about_expiry():
    [video] = read_outputs({"outputs": [{"type": "video", "url": "https://a/1"}]}, None)
    assert video.files[0].expires_at is None


def test_every_recorded_type_of_output_is_read():
    [task] = parsed("new_tasks_get_all_output_types")["data"]
    outputs = read_outputs(task, UPDATED)
    assert [(output.type, output.id, output.duration, roles(output)) for output in outputs] == [
        ("video", "930000000000000920", "5.041", ["main"]),
        ("image", None, None, ["main"]),
        ("audio", "930000000000000921", "5.0", ["mp3", "wav"]),
        ("voice", "930000000000000922", None, ["main"]),
        ("element", "321922438904313", None, ["frontal", "refer"]),
    ]


def test_a_legacy_video_comes_before_its_sound_track_whatever_the_order_of_the_keys():
    result = parsed("legacy_query_video_to_audio")["data"]["task_result"]
    backwards = dict(reversed(result.items()))
    outputs = read_outputs({"task_result": backwards}, UPDATED)
    assert outputs == read_outputs({"task_result": result}, UPDATED)
    assert [output.type for output in outputs] == ["video", "audio"]


def test_a_legacy_voice_and_multi_shot_are_read():
    voice, shots = read_outputs(
        {
            "task_result": {
                "series_images": [{"index": 0, "url_1": "https://a/1", "url_2": "https://a/2", "url_3": "https://a/3"}],
                "voices": [{"voice_id": "v1", "voice_name": "n", "trial_url": "https://a/t.mp3", "owned_by": "kling"}],
            }
        },
        UPDATED,
    )
    assert (voice.type, voice.id, roles(voice)) == ("voice", "v1", ["main"])
    assert (shots.type, shots.id, roles(shots)) == ("series_image", None, ["1", "2", "3"])


def test_an_unknown_type_of_output_is_kept_with_every_url_it_names():
    [hologram] = read_outputs(
        {
            "outputs": [
                {
                    "type": "hologram",
                    "hologram_id": "h1",
                    "cover_url": "https://a/c",
                    "hologram_url": "https://a/h",
                    "layers": [{"url": "https://a/l", "mask_url": "https://a/m"}],
                    "duration": 4,
                }
            ]
        },
        UPDATED,
    )
    assert (hologram.type, hologram.id, hologram.duration) == ("hologram", "h1", "4")
    assert [(file.role, file.url) for file in hologram.files] == [
        ("main", "https://a/h"),
        ("cover", "https://a/c"),
        ("layers", "https://a/l"),
        ("mask", "https://a/m"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/1",
        "file:///etc/passwd",
        "/relative",
        "https://",
        "https:///path",
        "https://?query",
        "https://a/ b",
        "https://a/\n",
        "https://a/\ud800",
        "https://a/" + "x" * 9000,
        "javascript:alert(1)",
        None,
        7,
        [["https://a/1"]],
    ],
)
def test_what_cannot_be_fetched_is_no_file(url):
    [video] = read_outputs({"outputs": [{"type": "video", "url": url}]}, UPDATED)
    assert video.files == ()
    assert video.url is None


@pytest.mark.parametrize("role", ["../../etc", "a" * 40, "", 7, None, "wört"])
def test_a_role_is_always_a_plain_word(role):
    [element] = read_outputs(
        {"outputs": [{"type": "element", "id": "e", "references": [{"role": role, "url": "https://a/1"}]}]}, UPDATED
    )
    assert roles(element) == ["references"]


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"task_result": None},
        {"task_result": {}},
        {"task_result": {"images": None}},
        {"task_result": {"images": [None, 7, "x", {}, []]}},
        {"task_result": {"images": [{"index": 0}]}},
        {"task_result": "text"},
        {"outputs": None},
        {"outputs": []},
        {"outputs": {"url": "https://a/1"}},
        {"outputs": [None, 7, {}]},
    ],
)
def test_nothing_is_made_of_nothing(task):
    assert read_outputs(task, UPDATED) == ()


def test_new_outputs_count_where_a_hybrids_legacy_result_is_empty():
    task = {"task_result": {"videos": None}, "outputs": [{"type": "video", "url": "https://a/1"}]}
    assert len(read_outputs(task, UPDATED)) == 1
