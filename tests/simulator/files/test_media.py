import io
import shutil
import struct
import subprocess
import wave
import zlib

import pytest

from kling_daemon.simulator.files.media import mp4, png
from kling_daemon.simulator.files.sounds import mp3, wav
from kling_daemon.simulator.files.subtitles import ass, srt

PLAYED = [mp4, png, mp3, wav]
MAKERS = [*PLAYED, ass, srt]
SIZES = [0, 4_000, 4_750, 100_000]


def boxes(data: bytes) -> list[tuple[bytes, int]]:
    found, place = [], 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        found.append((kind, size))
        place += size
    assert place == len(data)
    return found


def chunks(data: bytes) -> dict[bytes, bytes]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    found, place = {}, 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(kind + body)
        found[kind] = body
        place += 12 + size
    return found


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("size", SIZES)
def test_a_file_has_the_wanted_size_at_least_and_follows_from_its_mark(make, size):
    data = make("1/0", size)
    assert size <= len(data) <= max(size, len(make("1/0"))) + 64
    assert data == make("1/0", size)
    assert data != make("1/1", size)


@pytest.mark.parametrize("size", SIZES)
def test_a_wav_is_whole_chunks_and_five_seconds_long(size):
    data = wav("1/0", size)
    kind, length, form = struct.unpack_from("<4sI4s", data)
    assert (kind, length, form) == (b"RIFF", len(data) - 8, b"WAVE")
    assert length % 2 == 0
    with wave.open(io.BytesIO(data)) as sound:
        assert sound.getnframes() == 5 * sound.getframerate()


@pytest.mark.parametrize("size", [*SIZES, 3_000_000])
def test_an_mp3_is_one_tag_and_then_frames_of_five_seconds(size):
    data = mp3("1/0", size)
    assert data[:4] == b"ID3\x04"
    assert all(byte < 0x80 for byte in data[6:10])
    length = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    frames = data[10 + length :]
    head, silence = frames[:36], frames[36:]
    assert silence == silence[:36] * (len(silence) // 36)
    assert struct.unpack_from(">4sII", head, 13) == (b"Info", 1, len(silence) // 36)
    assert len(silence) // 36 * 0.036 == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("make", [srt, ass])
@pytest.mark.parametrize("size", SIZES)
def test_subtitles_are_text_with_the_same_lines_whatever_their_size(make, size):
    text = make("1/0", size).decode("ascii")
    assert text.count("A lighthouse at dusk.") == text.count("The light comes on.") == 1


@pytest.mark.parametrize("size", SIZES)
def test_an_mp4_is_whole_boxes_with_its_index_in_front_and_its_padding_last(size):
    kinds = [kind for kind, _ in boxes(mp4("1/0", size))]
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert kinds[-1] == b"free"


@pytest.mark.parametrize("size", SIZES)
def test_a_png_is_whole_chunks_and_holds_every_row(size):
    found = chunks(png("1/0", size))
    assert list(found)[0::2][0] == b"IHDR"
    assert list(found)[-1] == b"IEND"
    assert len(zlib.decompress(found[b"IDAT"])) == 64 * 65
    assert len(found[b"PLTE"]) == 64 * 3


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("make", PLAYED)
@pytest.mark.parametrize("size", SIZES)
def test_ffmpeg_decodes_every_frame_without_a_complaint(tmp_path, make, size):
    file = tmp_path / "result"
    file.write_bytes(make("1/0", size))
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(file), "-f", "null", "-"],  # noqa: S607 - whichever ffmpeg there is
        capture_output=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith(b"Guessed Channel Layout")]
    assert (done.returncode, said) == (0, [])
