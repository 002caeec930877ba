"""What the guides show: a dict of the ids of all open tasks, scanned for those whose time has come.

A process of its own, so that what the dict costs can be seen from outside. Prints one JSON object.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

_ROUNDS = 9


def main() -> None:
    """Build the dict, and scan it a few times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", type=int)
    parser.add_argument("due", type=int)
    options = parser.parse_args()
    empty, now = _resident(), time.time()
    tasks = {
        f"{700_000_000_000_000_000 + number}": {
            "status": "processing",
            "created_at": now - number,
            "next_poll": now - 1 if number < options.due else now + 3600 + number,
        }
        for number in range(options.jobs)
    }
    full, seconds = _resident(), []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        due = [
            task_id
            for task_id, task in tasks.items()
            if task["status"] not in {"succeed", "failed"} and task["next_poll"] <= now
        ]
        seconds.append(time.perf_counter() - began)
        assert len(due) == options.due
    print(json.dumps({"seconds": median(seconds), "bytes": full - empty}))  # noqa: T201 - its only output


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
