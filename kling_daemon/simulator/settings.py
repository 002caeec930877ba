"""Everything that can be set about the simulated Kling, and what each setting means."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from kling_daemon.durations import LONGEST
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator.refusals import SERVICE_ERRORS
from kling_daemon.simulator.spans import Span
from kling_daemon.standard_webhooks import Secret

MAX_FILE_SIZE = 64 * 1024 * 1024
SLOWEST = 0.001
"""The least speed: a hundred years that passed more slowly would be past the end of the calendar's arithmetic."""

_SUBMITTED = Span(shortest=timedelta(seconds=1), longest=timedelta(seconds=3))
_PROCESSING = Span(shortest=timedelta(seconds=20), longest=timedelta(seconds=60))
_NOTHING = Span.exactly(timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """How the simulated Kling behaves. Rates are shares between 0 and 1; ValueError names the setting that is wrong."""

    seed: int = 1
    """Same seed and same order of creates and queries: same ids, timings, failures and fates."""
    api_key: str = field(default="simulator", repr=False)
    """What `Authorization: Bearer …` must hold."""
    access_key: str = field(default="", repr=False)
    """On legacy paths a token (JWT) of this access key is let in as well; with an empty one, none is."""
    secret_key: str = field(default="", repr=False)
    """What such a token must be signed with."""
    secrets: tuple[Secret, ...] = ()
    """Callbacks are signed with each of them, as Kling does during a rotation; with none they are unsigned."""
    sign_legacy: bool = True
    """Callbacks of legacy jobs are signed too. Whether Kling does so is not known."""

    speed: float = 1.0
    """How many times faster than written the next two pass; at least 0.001."""
    submitted: Span = _SUBMITTED
    """How long a job stays submitted."""
    processing: Span = _PROCESSING
    """How long a job is then processed."""
    video_slots: int = 5
    """How many videos may be unfinished at once; one more create is refused with 429/1303. 0: no limit."""
    image_slots: int = 9
    """The same for images, of which a job takes as many slots as it makes images."""

    submitted_callbacks: bool = True
    """The state `submitted` is called back too. Whether Kling does so is not known."""
    delay: Span = _NOTHING
    """How long after the change of state its callback is sent; a job's callbacks keep their order."""
    lose: float = 0.0
    """Share of callbacks that are never sent."""
    duplicate: float = 0.0
    """Share of callbacks that are sent twice, half of them with the same `webhook-id`."""
    reorder: float = 0.0
    """Share of `submitted` and `processing` callbacks that are held back until the job's next one was sent."""
    forge: float = 0.0
    """Share of callbacks before which an attacker posts a success of his own."""
    retries: int = 0
    """How often a callback that got no 2xx is sent again. What Kling does is not documented."""
    retry_after: timedelta = timedelta(seconds=1)
    """The pause before the first of these; it doubles each time."""
    callback_timeout: timedelta = timedelta(seconds=5)
    """How long an answer to a callback is waited for."""

    fail: int = 0
    """This many jobs fail: one of jobs 1 to 4, one of 5 to 8, …, by moderation and by input in turn."""
    fail_moderation: float = 0.0
    """Share of the other jobs that fail because Kling's content rules refuse them."""
    fail_input: float = 0.0
    """Share of the other jobs that fail because Kling cannot fetch their input."""

    http_errors: float = 0.0
    """Share of creates and queries that are not performed but answered with 5xx, 1302, HTML, silence or nothing."""
    ambiguous_creates: float = 0.0
    """Share of creates that are performed and billed, and yet answered with 5xx, HTML, silence or nothing."""
    hang: timedelta = timedelta(seconds=10)
    """How long a request that is answered with silence is kept before its connection is cut."""
    outage: bool = False
    """Every create and query is answered 503/5001. Jobs go on, and so do callbacks and downloads."""
    refuse_creates: int = 0
    """Service code with which every create is refused, such as 1102 for an empty balance; 0 refuses none."""

    file_size: int = 0
    """Result files are padded to this many bytes, and stay playable; 0 leaves them small. At most 64 MiB."""
    file_lifetime: timedelta = timedelta(days=30)
    """How long after a job's end its result files can be fetched; afterwards they are answered 403."""

    def __post_init__(self) -> None:
        mistakes = [*_out_of_range(self), *_contradictory(self)]
        if mistakes:
            raise ValueError("; ".join(mistakes))


def _out_of_range(settings: SimulatorSettings) -> Iterator[str]:
    for name in RATES:
        if not 0 <= getattr(settings, name) <= 1:
            yield f"{name}: a share between 0 and 1, not {getattr(settings, name)}"
    for name in COUNTS:
        if getattr(settings, name) < 0:
            yield f"{name}: not less than 0, unlike {getattr(settings, name)}"
    for name in DURATIONS:
        if not timedelta(0) <= getattr(settings, name) <= LONGEST:
            yield f"{name}: from nothing to a hundred years, not {getattr(settings, name)}"
    if not SLOWEST <= settings.speed < math.inf:
        yield f"speed: at least {SLOWEST}, not {settings.speed}"
    if settings.file_size > MAX_FILE_SIZE:
        yield f"file_size: at most {MAX_FILE_SIZE}, not {settings.file_size}"


def _contradictory(settings: SimulatorSettings) -> Iterator[str]:
    if settings.lose + settings.duplicate + settings.reorder > 1:
        yield "lose, duplicate and reorder share the callbacks among them: together at most 1"
    if settings.fail_moderation + settings.fail_input > 1:
        yield "fail_moderation and fail_input share the jobs among them: together at most 1"
    if not settings.api_key:
        yield "api_key: not empty"
    if settings.access_key or settings.secret_key:
        try:
            KeyPair(access_key=settings.access_key, secret_key=settings.secret_key)
        except ValueError as error:
            yield f"access_key and secret_key: both or none, and {error}"
    if settings.refuse_creates and settings.refuse_creates not in SERVICE_ERRORS:
        yield f"refuse_creates: 0 or one of {', '.join(map(str, SERVICE_ERRORS))}, not {settings.refuse_creates}"


RATES = (
    "lose",
    "duplicate",
    "reorder",
    "forge",
    "fail_moderation",
    "fail_input",
    "http_errors",
    "ambiguous_creates",
)
COUNTS = ("video_slots", "image_slots", "retries", "fail", "refuse_creates", "file_size")
DURATIONS = ("retry_after", "callback_timeout", "hang", "file_lifetime")
SPANS = ("submitted", "processing", "delay")
SWITCHES = ("sign_legacy", "submitted_callbacks", "outage")
