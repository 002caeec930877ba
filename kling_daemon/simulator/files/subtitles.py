"""Small subtitles, each of distinct bytes, padded to any size."""

from kling_daemon.simulator.files.media import filling

_CUES = ((0, 2, "A lighthouse at dusk."), (2, 5, "The light comes on."))
_ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 256
PlayResY: 144
"""
_ASS_EVENTS = """\
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, MarginL, MarginR, MarginV
Style: Default,Sans,12,&H00FFFFFF,2,4,4,4

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def srt(mark: str, size: int = 0) -> bytes:
    """Return SubRip subtitles whose last cue bears the mark, of at least `size` bytes; padding are empty lines."""
    cues = [*_CUES, (5, 6, mark)]
    text = "\n".join(
        f"{number}\n00:00:{start:02d},000 --> 00:00:{end:02d},000\n{line}\n"
        for number, (start, end, line) in enumerate(cues, start=1)
    )
    return text.encode().ljust(size, b"\n")


def ass(mark: str, size: int = 0) -> bytes:
    """Return Advanced SubStation subtitles of at least `size` bytes; mark and padding stand in a comment."""
    events = "".join(
        f"Dialogue: 0,0:00:0{start}.00,0:00:0{end}.00,Default,,0,0,0,,{line}\n" for start, end, line in _CUES
    )
    missing = size - len(_ASS_HEAD) - len(_ASS_EVENTS) - len(events)
    comment = f"; {mark} {filling(mark, missing).hex()[: max(missing, 0)]}\n\n"
    return f"{_ASS_HEAD}{comment}{_ASS_EVENTS}{events}".encode()
