"""Puts together what writes to the store: the operations of the one writer, and what they share."""

import sqlite3
import uuid
from dataclasses import dataclass
from random import Random
from typing import Self

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.polling import PollPolicy
from kling_daemon.store.accounts import AccountDesk
from kling_daemon.store.deliveries import DeliveryDesk
from kling_daemon.store.due_times import DueTimeDesk
from kling_daemon.store.event_cache import EventCache
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.hint_backoff import HintBackoff
from kling_daemon.store.hints import HintDesk
from kling_daemon.store.notices import NoticeDesk
from kling_daemon.store.polls import PollDesk
from kling_daemon.store.record import Recorder
from kling_daemon.store.replays import ReplayDesk
from kling_daemon.store.retention import RetentionDesk
from kling_daemon.store.sequences import Sequences
from kling_daemon.store.standing import StandingClaims
from kling_daemon.store.submissions import SubmissionDesk
from kling_daemon.store.tokens import TokenDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All operations of one store."""

    recorder: Recorder
    deliveries: DeliveryDesk
    submissions: SubmissionDesk
    notices: NoticeDesk
    polls: PollDesk
    hints: HintDesk
    retention: RetentionDesk
    due_times: DueTimeDesk
    tokens: TokenDesk
    accounts: AccountDesk
    replays: ReplayDesk
    fanout: Fanout
    standing: StandingClaims

    @classmethod
    def assemble(
        cls,
        db: sqlite3.Connection,
        *,
        account: str,
        clock: Clock,
        policy: PollPolicy,
        backoff: Backoff,
        random: Random,
        hint_limit: int,
    ) -> Self:
        """Make them for a database whose schema is up to date."""
        owner, sequences, cache = f"{uuid.uuid4()}", Sequences(db), EventCache()
        fanout = Fanout(db, sequences)
        notices = NoticeDesk(clock=clock, sequences=sequences, fanout=fanout)
        hints = HintDesk(account=account, limit=hint_limit)
        hint_backoff = HintBackoff(Backoff(least=policy.interval, longest=policy.max_interval))
        recorder = Recorder(
            account=account,
            clock=clock,
            policy=policy,
            random=random,
            sequences=sequences,
            fanout=fanout,
            cache=cache,
            hints=hints,
            hint_backoff=hint_backoff,
        )
        deliveries = DeliveryDesk(
            owner=owner,
            clock=clock,
            random=random,
            backoff=backoff,
            fanout=fanout,
            notices=notices,
            cache=cache,
        )
        return cls(
            recorder=recorder,
            deliveries=deliveries,
            submissions=SubmissionDesk(owner=owner, clock=clock, recorder=recorder),
            notices=notices,
            polls=PollDesk(clock=clock, policy=policy, random=random, hint_backoff=hint_backoff),
            hints=hints,
            retention=RetentionDesk(clock=clock),
            due_times=DueTimeDesk(clock=clock),
            tokens=TokenDesk(),
            accounts=AccountDesk(account=account),
            replays=ReplayDesk(clock=clock, fanout=fanout, notices=notices),
            fanout=fanout,
            standing=StandingClaims(deliveries, fanout),
        )

    def void_leases(self, db: sqlite3.Connection) -> None:
        """Take back what an earlier run had begun."""
        self.deliveries.void_leases(db)
        self.submissions.void_leases(db)
