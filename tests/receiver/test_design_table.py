"""Every row of the trust table, over a real socket: what is answered, what is kept, and what is not."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from fakes.dispatching import Witness, configured, until
from fakes.running_daemon import PATH, SECRET_TEXT, Answered, running_daemon, signature, trusting
from fakes.scripted_kling import ScriptedKling, envelope
from recorded.kling_bodies import raw

from kling_daemon.standard_webhooks import Secret
from kling_daemon.testing.clock import ManualClock

RECEIVED = (200, b'{"received": true}')
HINTED = (202, b'{"received": true}')
UNREADABLE = (400, b'{"error": "unreadable body"}')
UNAUTHORIZED = (401, b'{"error": "unauthorized"}')
BODY = raw("new_callback_succeeded_video")
TASK = "930000000000000012"
OTHER_TEXT = "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0"
OTHER = Secret.parse("other", OTHER_TEXT)
STRANGER = Secret.parse("stranger", "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=")
JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"


@dataclass(frozen=True)
class Row:
    """One kind of callback, and what becomes of it."""

    says: str
    answer: tuple[int, bytes]
    trust: dict[str, Any] = field(default_factory=trusting)
    signed: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = BODY
    path: str = PATH
    kept: list[str] = field(default_factory=list)
    """The verdicts of the callbacks that are kept."""
    jobs: int = 0
    hints: list[str] = field(default_factory=list)
    counted: tuple[str, str] | None = None
    is_asked: bool = False
    """Kling is asked at once."""


def stamped(seconds: str) -> dict[str, str]:
    return {"webhook-id": "m", "webhook-timestamp": seconds, "webhook-signature": "v1,AAAA"}


def refused(reason: str | None = None) -> dict[str, Any]:
    return {"answer": UNAUTHORIZED, "counted": ("refused", reason) if reason is not None else None}


MINUTES = timedelta(minutes=1)
NO_TRUST: dict[str, Any] = {"secrets": {}}
ROWS = [
    Row(says="signed", answer=RECEIVED, signed={}, kept=["believed"], jobs=1, counted=("believed", "signature")),
    Row(says="signed five minutes ago", answer=RECEIVED, signed={"late": 5 * MINUTES}, kept=["believed"], jobs=1),
    Row(says="signed five minutes ahead", answer=RECEIVED, signed={"late": -5 * MINUTES}, kept=["believed"], jobs=1),
    Row(
        says="signed during a rotation, ours is the second of two signatures",
        answer=RECEIVED, signed={"secrets": [STRANGER, OTHER]}, trust=trusting(OTHER_TEXT), kept=["believed"], jobs=1,
    ),
    Row(
        says="signed with the second of our two secrets",
        answer=RECEIVED, signed={"secrets": [OTHER]}, trust=trusting(SECRET_TEXT, OTHER_TEXT),
        kept=["believed"], jobs=1,
    ),
    Row(says="signed, adopt = none", answer=RECEIVED, signed={}, trust=trusting(adopt="none"), kept=["believed"]),
    Row(
        says="signed, confirm = always",
        answer=RECEIVED, signed={}, trust=trusting(confirm="always"), kept=["hint"], is_asked=True,
    ),
    Row(
        says="signed, confirm = never",
        answer=RECEIVED, signed={}, trust=trusting(confirm="never"), kept=["believed"], jobs=1,
    ),
    Row(
        says="signed, require_signature",
        answer=RECEIVED, signed={}, trust=trusting(require_signature=True), kept=["believed"], jobs=1,
    ),
    Row(
        says="the console's test button",
        answer=RECEIVED, signed={}, body=b'{"id": "made-up", "status": "submitted"}',
        kept=["believed"], hints=["made-up"],
    ),
    Row(
        says="the console's test button, adopt = none",
        answer=RECEIVED, signed={}, body=b'{"id": "made-up", "status": "submitted"}', trust=trusting(adopt="none"),
        kept=["believed"],
    ),
    Row(
        says="signed and unintelligible",
        answer=UNREADABLE, signed={}, body=b"what is this", kept=["unreadable"], counted=("unreadable", "not_json"),
    ),
    Row(says="signed and without an id", answer=UNREADABLE, signed={}, body=b'{"status": "x"}', kept=["unreadable"]),
    Row(says="signed with a wrong secret", signed={"secrets": [STRANGER]}, **refused("no_match")),
    Row(says="signed, but no secret is configured", signed={}, trust=NO_TRUST, **refused("no_secret")),
    Row(says="stale", signed={"late": 5 * MINUTES + timedelta(seconds=1)}, **refused("stale")),
    Row(says="from the future", signed={"late": -5 * MINUTES - timedelta(seconds=1)}, **refused("stale")),
    Row(says="a timestamp of words", headers=stamped("yesterday"), **refused("bad_timestamp")),
    Row(says="a negative timestamp", headers=stamped("-5"), **refused("bad_timestamp")),
    Row(says="a timestamp of a thousand digits", headers=stamped("9" * 1000), **refused("bad_timestamp")),
    Row(says="Arabic digits", headers=stamped("١٧٨١٠٨٠٧٩٤"), **refused("bad_timestamp")),
    Row(says="an id header alone", headers={"webhook-id": "m"}, **refused("missing_header")),
    Row(says="unsigned, require_signature", trust=trusting(require_signature=True), **refused("unsigned")),
    Row(
        says="unsigned with a capability, require_signature",
        trust=trusting(require_signature=True), path=f"{PATH}/{{capability}}", **refused(),
    ),
    Row(says="a made-up capability", path=f"{PATH}/{JOB_ID}.AAAA", **refused("wrong_capability")),
    Row(says="a capability that is no id", path=f"{PATH}/x/y.z", **refused("wrong_capability")),
    Row(says="an undecodable capability", path=f"{PATH}/{JOB_ID}.%ff%ed%a0%80", **refused()),
    Row(
        says="a genuine capability of a job that there is not",
        answer=RECEIVED, path=f"{PATH}/{{capability}}", hints=[TASK], counted=("hint", "capability"),
    ),
    Row(says="a genuine capability and garbage", answer=UNREADABLE, path=f"{PATH}/{{capability}}", body=b"{}"),
    Row(says="unsigned on the plain path", answer=HINTED, hints=[TASK], counted=("weightless", "plain_path")),
    Row(says="unsigned, with a slash at the end", answer=HINTED, path=f"{PATH}/", hints=[TASK]),
    Row(says="unsigned, confirm = never", answer=HINTED, trust=trusting(confirm="never"), hints=[TASK]),
    Row(says="the header of some guides", answer=HINTED, headers={"X-Kling-Signature": "a" * 64}, hints=[TASK]),
    Row(says="unsigned garbage on the plain path", answer=UNREADABLE, body=b"[]"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.says for row in ROWS])
async def test_the_table(tmp_path, row):
    witness, clock = Witness(), ManualClock()
    kling = ScriptedKling(answer=[(200, envelope([]))])
    async with (
        kling.serve(),
        running_daemon(
            tmp_path,
            handlers=[configured("w", witness.open)],
            kling=kling.url,
            clock=clock,
            # The first query for hints passes; so that it leaves the table as it is, Kling is not asked at all.
            trust={"hint_queries_per_minute": 0.001, **row.trust},
        ) as daemon,
    ):
        await spend_the_first_hint_query(daemon, kling)
        asked = about_tasks(kling)
        kept, counted = len(verdicts(daemon)), await count_of(daemon, row.counted)
        headers = {**row.headers, **(signature(row.body, clock, **row.signed) if row.signed is not None else {})}
        path = row.path.format(capability=daemon.capability(JOB_ID))
        answer = await daemon.post(row.body, path=path, headers=headers)
        assert (answer.status, answer.body) == row.answer
        tells_nothing(answer)
        assert verdicts(daemon)[kept:] == row.kept
        assert len(await daemon.jobs()) == row.jobs
        if row.is_asked:
            await until(lambda: len(about_tasks(kling)) > len(asked) and daemon.rows("SELECT * FROM hints") == [])
            asked = about_tasks(kling)
        assert [hint.task_id for hint in await daemon.due.hints(100)] == row.hints
        await daemon.until_delivered("w", 2 * row.jobs) if row.jobs else None
        assert len(witness.seen) == 2 * row.jobs
        assert about_tasks(kling) == asked
        assert row.counted is None or await count_of(daemon, row.counted) == counted + 1


async def spend_the_first_hint_query(daemon, kling):
    """Have the one query for hints that passes at the start over and done with."""
    if daemon.settings.trust.require_signature:
        await daemon.post_signed(b'{"id": "first", "status": "submitted"}')
    else:
        assert (await daemon.post(b'{"id": "first", "status": "processing"}')).status == 202
    await until(lambda: bool(about_tasks(kling)) and daemon.rows("SELECT * FROM hints") == [])


def about_tasks(kling):
    """Return what Kling was asked about tasks that somebody has named."""
    return [asked.path for asked in kling.asked if "task_ids=" in asked.path]


def verdicts(daemon) -> list[str]:
    return [verdict for (verdict,) in daemon.rows("SELECT verdict FROM callbacks ORDER BY seq")]


async def count_of(daemon, verdict_and_reason: tuple[str, str] | None) -> float:
    verdict, reason = verdict_and_reason or ("", "")
    series = f'kling_daemon_callbacks_total{{reason="{reason}",verdict="{verdict}"}} '
    async with daemon.api.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


def tells_nothing(answer: Answered) -> None:
    """One generic body, and no version of anything."""
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Server"] == "kling-daemon"
    assert set(json.loads(answer.body)) <= {"received", "error"}
