import shutil
import struct
import subprocess
import zlib

import pytest

from kling_daemon.simulator.media import mp4, png

MAKERS = [mp4, png]
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
    assert size <= len(data) <= size + 5_000
    assert data == make("1/0", size)
    assert data != make("1/1", size)


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
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("size", SIZES)
def test_ffmpeg_decodes_every_frame_without_a_complaint(tmp_path, make, size):
    file = tmp_path / "result"
    file.write_bytes(make("1/0", size))
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(file), "-f", "null", "-"],  # noqa: S607 - whichever ffmpeg there is
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
