"""Takes callbacks: has them judged and read, records and answers them, in the order that loses nothing."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from kling_daemon import __version__
from kling_daemon.clock import Clock
from kling_daemon.kling.bodies import Flaw
from kling_daemon.store import Effect, News, Recorded, Store, StoreUnavailableError
from kling_daemon.telemetry import Rarely
from kling_daemon.tracking.admission import Admission, AdmissionRules
from kling_daemon.tracking.backlog import Backlog
from kling_daemon.tracking.callbacks import UNHANDLED, Answer, Callback, Decided, Judged, Read, to_raw
from kling_daemon.tracking.guarding import guarded_each
from kling_daemon.tracking.interpreter import BAD_REQUEST, UNREADABLE, Interpreter
from kling_daemon.tracking.tracker import Tracker, results_of
from kling_daemon.tracking.trust import Trust, Verdict, VerdictKind

log = structlog.get_logger(__name__)

LIMITED = "limited"
"""What is counted of a callback that proved nothing, and of which there were too many."""

_BATCH = 100
_RETRY_AFTER = 5


class Counters(Protocol):
    """What the inbox counts; filled by the telemetry."""

    def callbacks(self, verdict: str, reason: str, count: int = 1) -> None:
        """Count callbacks by how they were judged."""
        ...

    def matched_secrets(self, name: str, count: int) -> None:
        """Count kept callbacks by the secret that has signed them."""
        ...


class Inbox:
    """Judges callbacks, records what they say, and only then has them answered."""

    def __init__(
        self,
        *,
        trust: Trust,
        tracker: Tracker,
        store: Store,
        clock: Clock,
        counters: Counters,
        adopt: bool,
        backlog: Backlog | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Take the rules and the way in.

        adopt: whether unknown tasks that call back are tracked from then on. backlog: the room for what waits.
        admission: who may send, and how much of what proves nothing.
        """
        self._trust = trust
        self._tracker = tracker
        self._store = store
        self._clock = clock
        self._counters = counters
        self._interpreter = Interpreter(adopt=adopt)
        self._backlog = backlog or Backlog()
        self._admission = admission or Admission(AdmissionRules())
        self._unstored, self._turned_away = Rarely(), Rarely()
        self._refused: defaultdict[str, Rarely] = defaultdict(Rarely)

    @property
    def trust(self) -> Trust:
        """The rules by which callbacks are judged now."""
        return self._trust

    def judge_by(self, trust: Trust) -> None:
        """Judge every callback from now on by other rules; those that are taken together, by the same ones."""
        self._trust = trust

    def bars(self, peer: str | None, headers: Sequence[tuple[bytes, bytes]]) -> Answer | None:
        """Return the answer to a request from an address that none may come from, before its body is read."""
        return self._refuse_for_address() if self._admission.bars(peer, headers) else None

    async def take(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, path: str, *, peer: str | None = None
    ) -> Answer:
        """Return the answer to a callback; any 2xx means that it is committed.

        The same callback again is counted and changes nothing. A crash before the answer leaves either nothing or
        what a repetition will find already recorded.
        """
        (answer,) = await self.take_all([Callback(headers=headers, body=body, path=path, peer=peer)])
        return answer

    async def take_all(self, callbacks: Sequence[Callback]) -> list[Answer]:
        """Return the answers to callbacks that came at the same time, each as by itself; raises nothing.

        Each step is taken for all of them before the next one, which is quicker: the twelfth decision (docs/decisions)
        says by how much.
        """
        judged = guarded_each(partial(self._judge, self._clock.now()), callbacks)
        decided = guarded_each(self._decide, guarded_each(self._interpreter.read, judged))
        taken = self._backlog.take_each([one.room if isinstance(one, Decided) else 0 for one in decided])
        let_in = [one if size is not None else self.turn_away() for one, size in zip(decided, taken, strict=True)]
        recorded = [one for one in let_in if isinstance(one, Decided)]
        try:
            outcomes = await self._record_each([one.news for one in recorded])
        finally:
            self._backlog.give_back(sum(size or 0 for size in taken))
        self._count(recorded, outcomes)
        each = iter(outcomes)
        return guarded_each(lambda one: self._conclude(one, next(each)), let_in)

    def turn_away(self) -> Answer:
        """Return what is answered at once where there is no room: the sender comes again, and memory stays bounded."""
        if (before := self._turned_away.due()) is not None:
            log.error("callbacks turned away, since there is no room for more that wait", passed_over=before)
        self._counters.callbacks("unstored", "no room")
        return Answer(status=503, retry_after=_RETRY_AFTER)

    async def read_again(self) -> int:
        """Read signed callbacks that earlier versions could not, and return how many made sense this time.

        Raises StoreUnavailableError when that cannot be recorded; what is still unread is left to the next start.
        """
        understood = 0
        while batch := await self._store.due.unreadable_callbacks(__version__, _BATCH):
            kind = self._trust.signed_kind
            news = [self._interpreter.decide_again(raw, job_id, kind) for raw, job_id in batch]
            results_of(await self._record_each(news))
            understood += sum(piece.report is not None or piece.hint is not None for piece in news)
        return understood

    async def _record_each(self, news: Sequence[News]) -> list[Recorded | Exception]:
        """Commit news and, together once more, what follows from those of no use; raises nothing.

        What came of a piece is what came of the last that followed from it.
        """
        outcomes = await self._tracker.record_each(news)
        follow_ups = {
            place: follow_up
            for place, outcome in enumerate(outcomes)
            if isinstance(outcome, Recorded)
            and outcome.effect is Effect.IGNORED
            and (follow_up := self._interpreter.follow_up(news[place], outcome.job)) is not None
        }
        if follow_ups:
            for place, outcome in zip(follow_ups, await self._record_each([*follow_ups.values()]), strict=True):
                outcomes[place] = outcome
        return outcomes

    def _judge(self, now: datetime, callback: Callback) -> Judged | Answer:
        if self._admission.bars(callback.peer, callback.headers):
            return self._refuse_for_address()
        verdict = self._trust.judge(callback.headers, callback.body, callback.path, now)
        kind = verdict.kind
        if kind is VerdictKind.MISDIRECTED:
            return self._refuse(404, verdict)
        # What proves itself is never counted: a flood from the same address, a proxy's perhaps, cannot keep it out.
        if kind is VerdictKind.REFUSED or kind is VerdictKind.WEIGHTLESS:
            if (wait := self._admission.wait(callback)) is not None:
                self._counters.callbacks(LIMITED, verdict.reason)
                return Answer(status=429, retry_after=wait)
            if kind is VerdictKind.REFUSED:
                return self._refuse(401, verdict)
        return Judged(verdict=verdict, raw=to_raw(callback, verdict, now))

    def _refuse_for_address(self) -> Answer:
        return self._refuse(401, Verdict(kind=VerdictKind.REFUSED, reason="address"))

    def _refuse(self, status: int, verdict: Verdict) -> Answer:
        if verdict.kind is VerdictKind.REFUSED and (before := self._refused[verdict.reason].due()) is not None:
            log.info("callback refused", reason=verdict.reason, passed_over=before)
        self._counters.callbacks(verdict.kind.value, verdict.reason)
        return Answer(status=status)

    def _decide(self, read: Read) -> Decided | Answer:
        if isinstance(read.report, Flaw) and read.verdict.secret is None:
            self._counters.callbacks(UNREADABLE, read.report.value)
            return BAD_REQUEST
        return self._interpreter.decide(read)

    def _count(self, decided: Sequence[Decided], outcomes: Sequence[Recorded | Exception]) -> None:
        """Count what was recorded, each kind of it once for all that came together."""
        kinds = Counter([
            (one.verdict, one.reason, one.secret)
            for one, outcome in zip(decided, outcomes, strict=True)
            if isinstance(outcome, Recorded)
        ])  # fmt: skip
        for (verdict, reason, secret), count in kinds.items():
            self._counters.callbacks(verdict, reason, count)
            if secret is not None:
                self._counters.matched_secrets(secret, count)

    def _conclude(self, decided: Decided, outcome: Recorded | Exception) -> Answer:
        match outcome:
            case Recorded():
                return decided.answer
            case StoreUnavailableError():
                if (before := self._unstored.due()) is not None:
                    log.error("callback could not be stored", error=str(outcome), passed_over=before)
                self._counters.callbacks("unstored", decided.reason)
                return Answer(status=503, retry_after=_RETRY_AFTER)
            case _:
                log.error("callback could not be handled", exc_info=outcome)
                return UNHANDLED
