"""`python -m kling_daemon.prove.forger FILE URL PER_SECOND`: posts prepared callbacks at a steady pace.

A process of its own, so that sending them takes no time from whoever measures or checks. It prints `begun` and, at the
end, one line of JSON: for each trick, how often it was answered with which status; `none` stands for no answer.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

CONNECTIONS = 8
_ANSWERED_WITHIN = aiohttp.ClientTimeout(total=20)
Answers = dict[str, dict[str, int]]


async def post_all(postings: list[dict[str, Any]], url: str, per_second: float) -> Answers:
    """Post callbacks in their order, each at its time or as soon as a connection is free; return the answers."""
    loop, waiting = asyncio.get_running_loop(), iter(enumerate(postings))
    counts: Counter[tuple[str, str]] = Counter()
    began = loop.time()

    async def work(session: aiohttp.ClientSession) -> None:
        for number, posting in waiting:
            await asyncio.sleep(began + number / per_second - loop.time())
            counts[posting["trick"], await _post(session, url + posting["path"], posting)] += 1

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=_ANSWERED_WITHIN) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for hand in range(CONNECTIONS):
            tasks.create_task(work(session), name=f"forging {hand}")
    answers: Answers = {}
    for (trick, status), count in sorted(counts.items()):
        answers.setdefault(trick, {})[status] = count
    return answers


async def _post(session: aiohttp.ClientSession, url: str, posting: dict[str, Any]) -> str:
    try:
        async with session.post(url, data=posting["body"].encode(), headers=posting["headers"]) as answer:
            await answer.read()
            return str(answer.status)
    except (aiohttp.ClientError, TimeoutError):
        return "none"


def main() -> None:
    """Post what the file holds, a callback in each line."""
    file, url, per_second = sys.argv[1:]
    postings = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    answers = asyncio.run(post_all(postings, url, float(per_second)))
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
