"""How often hints about one job have Kling asked: at once as a rule, and ever more slowly where they bring nothing."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from kling_daemon.backoff import Backoff
from kling_daemon.polling import Following
from kling_daemon.reports import Change, Source
from kling_daemon.store.rows import StoredJob

AT_ONCE = 3
"""So many questions that hints prompted are asked at once while nothing comes of them; the next ones wait."""
_MOST = 10_000
"""The jobs that are remembered; who knows the capabilities of more of them finds Kling's own limit in his way."""


@dataclass(slots=True)
class _Asked:
    count: int
    last_at: datetime


class HintBackoff:
    """Remembers, for each job, the questions that hints have prompted since its state last rose.

    A capability may leak, and whoever has it can send hints all day: they are coalesced, and cost three questions and
    then one in each pause, which doubles up to the longest one. It lives in memory: a restart begins anew.
    """

    def __init__(self, pauses: Backoff) -> None:
        """Take the pauses between questions that bring nothing."""
        self._pauses = pauses
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def due(self, job_id: str, now: datetime) -> datetime:
        """Return when Kling is to be asked because of a hint that came now."""
        asked = self._asked.get(job_id)
        # A last question that lies ahead was asked before the clock was set back.
        if asked is None or asked.count < AT_ONCE or asked.last_at > now:
            return now
        return max(now, asked.last_at + self._pauses.pause(asked.count - AT_ONCE + 1))

    def after(self, change: Change, source: Source, following: Following, now: datetime) -> Following:
        """Return how a job is followed after news of it: where a callback contradicts what stands, Kling is asked.

        What Kling says to that is contradiction enough, and asks for nothing more.
        """
        if change.contradicted and source is Source.CALLBACK:
            return following.prompted_at(self.due(change.job.id, now), change.job, now)
        return following

    def note(self, before: StoredJob, *, is_moved: bool, is_asked: bool, now: datetime) -> None:
        """Note news of a job that stood so before it: that its state has risen, or that Kling was asked about it."""
        if is_moved:
            if self._asked:
                self._asked.pop(before.job.id, None)
        elif is_asked and before.following.prompted:
            self.answered(before.job.id, now)

    def answered(self, job_id: str, now: datetime) -> None:
        """Note that Kling was asked about a job because of hints, and had nothing new to say."""
        asked = self._asked.pop(job_id, None)
        self._asked[job_id] = _Asked(1 if asked is None else asked.count + 1, now)
        if len(self._asked) > _MOST:
            self._asked.popitem(last=False)
