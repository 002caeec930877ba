"""Everything that can be set about the simulated Kling, and what each setting means."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kling_daemon.durations import LONGEST, format_duration
from kling_daemon.simulator.account_keys import MAIN, AccountKeys
from kling_daemon.simulator.outages import OutageAnswer, OutageScope
from kling_daemon.simulator.refusals import SERVICE_ERRORS
from kling_daemon.simulator.spans import Span
from kling_daemon.standard_webhooks import Signer

MAX_FILE_SIZE = 64 * 1024 * 1024
FURTHEST_CLOCK = timedelta(days=366)
SLOWEST = 0.001
"""The least speed: a hundred years that passed more slowly would be past the end of the calendar's arithmetic."""

_SUBMITTED = Span(shortest=timedelta(seconds=1), longest=timedelta(seconds=3))
_PROCESSING = Span(shortest=timedelta(seconds=20), longest=timedelta(seconds=60))
_LATE_BY = Span(shortest=timedelta(minutes=1), longest=timedelta(minutes=10))
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
    secrets: tuple[Signer, ...] = ()
    """Callbacks are signed with each of them, as Kling does during a rotation; with none they are unsigned."""
    accounts: tuple[AccountKeys, ...] = ()
    """Further accounts, each with jobs and slots of its own. The keys above are those of the account `main`."""
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
    late: float = 0.0
    """Share of callbacks that are late, and so may be overtaken by their job's next ones."""
    late_by: Span = _LATE_BY
    """How much later than the others these are sent."""
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
    fail_other: float = 0.0
    """Share of the other jobs that fail for a reason that Kling does not tell."""
    unknown_status: float = 0.0
    """Share of jobs that are told under a status word that nobody knows while they are processed."""

    http_errors: float = 0.0
    """Share of creates and queries that are not performed but answered with 5xx, 1302, HTML, silence or nothing."""
    ambiguous_creates: float = 0.0
    """Share of creates that are performed and billed, and yet answered with 5xx, HTML, silence or nothing."""
    hang: timedelta = timedelta(seconds=10)
    """How long a request that is answered with silence is kept before its connection is cut."""
    outage: bool = False
    """Creates and queries are not performed but answered as the next two say. Jobs and their callbacks go on."""
    outage_answer: OutageAnswer = OutageAnswer.MAINTENANCE
    """What is answered during an outage."""
    outage_of: OutageScope = OutageScope.ALL
    """Which requests an outage meets."""
    clock_offset: timedelta = timedelta(0)
    """How far Kling's clock is ahead of ours: `Date`, tokens, signatures, jobs. At most 366 days either way."""
    refuse_creates: int = 0
    """Service code with which every create is refused, such as 1102 for an empty balance; 0 refuses none."""
    refuse_queries: int = 0
    """The same for everything that is asked: queries, lists and account costs."""
    retired: tuple[str, ...] = ()
    """Models and paths that Kling no longer has: creates that name one are refused with 404/1203."""
    forbidden: tuple[str, ...] = ()
    """Models and paths that the account may not use: creates that name one are refused with 403/1103."""
    pack_units: int = 0
    """How many units each account has bought: a create is refused with 429/1102 that would need more. 0: no limit."""

    file_size: int = 0
    """Result files are padded to this many bytes, and stay playable; 0 leaves them small. At most 64 MiB."""
    file_lifetime: timedelta = timedelta(days=30)
    """How long after a job's end its result files can be fetched; afterwards they are answered 403."""

    def __post_init__(self) -> None:
        mistakes = [*_out_of_range(self), *_contradictory(self)]
        if mistakes:
            raise ValueError("; ".join(mistakes))

    def all_accounts(self) -> tuple[AccountKeys, ...]:
        """Return every account: `main` and then the further ones."""
        return (_main(self), *self.accounts)

    def secrets_of(self, account: str) -> tuple[Signer, ...]:
        """Return what the callbacks of an account's jobs are signed with."""
        return next((keys.secrets for keys in self.all_accounts() if keys.name == account), ())

    @property
    def refuses_connections(self) -> bool:
        """True when nobody is to be let in at all."""
        return self.outage and self.outage_answer is OutageAnswer.REFUSED


def mistake_of(name: str, value: Any) -> str | None:
    """Return what is wrong with a setting's value by itself; None when it is within its range."""
    if name in RATES and not 0 <= value <= 1:
        return f"a share between 0 and 1, not {value}"
    if name in COUNTS and value < 0:
        return f"not less than 0, unlike {value}"
    if name in DURATIONS and not timedelta(0) <= value <= LONGEST:
        return f"from nothing to a hundred years, not {value}"
    if name in OFFSETS and abs(value) > FURTHEST_CLOCK:
        return f"at most {FURTHEST_CLOCK.days} days either way, not {format_duration(abs(value))}"
    if name == "speed" and not SLOWEST <= value < math.inf:
        return f"at least {SLOWEST}, not {value}"
    if name == "file_size" and value > MAX_FILE_SIZE:
        return f"at most {MAX_FILE_SIZE}, not {value}"
    if name in ("refuse_creates", "refuse_queries") and value and value not in SERVICE_ERRORS:
        return f"0 or one of {', '.join(map(str, SERVICE_ERRORS))}, not {value}"
    return None


def _out_of_range(settings: SimulatorSettings) -> Iterator[str]:
    for name in (*RATES, *COUNTS, *DURATIONS, *OFFSETS, "speed"):
        if mistake := mistake_of(name, getattr(settings, name)):
            yield f"{name}: {mistake}"


def _contradictory(settings: SimulatorSettings) -> Iterator[str]:
    if settings.lose + settings.duplicate + settings.reorder + settings.late > 1:
        yield "lose, duplicate, reorder and late share the callbacks among them: together at most 1"
    if settings.fail_moderation + settings.fail_input + settings.fail_other > 1:
        yield "fail_moderation, fail_input and fail_other share the jobs among them: together at most 1"
    if settings.outage_answer is OutageAnswer.REFUSED and settings.outage_of is not OutageScope.ALL:
        yield "outage_of: connections can be refused to all requests only"
    if not settings.api_key:
        yield "api_key: not empty"
        return
    try:
        accounts = settings.all_accounts()
    except ValueError as error:
        yield str(error)
        return
    for what in ("name", "api_key", "access_key"):
        given = [value for keys in accounts if (value := getattr(keys, what))]
        if len(set(given)) < len(given):
            yield f"accounts: two have the same {what}"


def _main(settings: SimulatorSettings) -> AccountKeys:
    return AccountKeys(
        name=MAIN,
        api_key=settings.api_key,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secrets=settings.secrets,
    )


RATES = (
    "lose",
    "duplicate",
    "reorder",
    "late",
    "forge",
    "fail_moderation",
    "fail_input",
    "fail_other",
    "unknown_status",
    "http_errors",
    "ambiguous_creates",
)
COUNTS = (
    "video_slots",
    "image_slots",
    "retries",
    "fail",
    "refuse_creates",
    "refuse_queries",
    "pack_units",
    "file_size",
)
DURATIONS = ("retry_after", "callback_timeout", "hang", "file_lifetime")
OFFSETS = ("clock_offset",)
SPANS = ("submitted", "processing", "delay", "late_by")
SWITCHES = ("sign_legacy", "submitted_callbacks", "outage")
LISTS = ("retired", "forbidden")
CHOICES = {"outage_answer": OutageAnswer, "outage_of": OutageScope}
