"""Bodies that are on their way take a bounded part of the memory, however many connections bring them."""

import asyncio
import json

from fakes.dispatching import until
from fakes.running_daemon import PATH, running_daemon, trusting

from kling_daemon.tracking.backlog import MOST

MIB = 1024**2
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {MIB}\r\n\r\n".encode()


def body_of(number, padding=0):
    return json.dumps({"id": f"t{number}", "status": "succeed", "pad": "x" * padding}).encode()


async def test_long_bodies_that_never_end_are_bounded_together_and_short_ones_are_taken_all_the_same(tmp_path):
    room, answered = MOST // MIB, []
    async with running_daemon(tmp_path, trust=trusting()) as daemon, asyncio.TaskGroup() as tasks:
        host, port = daemon.addresses.receiver.host, daemon.addresses.receiver.port

        async def bring_all_but_the_end():
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(HEAD + b"x" * (MIB - 1))
                answered.append(await reader.readuntil(b"\r\n"))
            except (ConnectionError, asyncio.IncompleteReadError):
                answered.append(b"hung up")
            finally:
                writer.close()

        dripping = [tasks.create_task(bring_all_but_the_end()) for _ in range(room + 10)]
        await until(lambda: len(answered) >= 10)
        assert {*answered} <= {b"HTTP/1.1 503 Service Unavailable\r\n", b"hung up"}
        large = await daemon.post_signed(body_of(1, padding=MIB - 200), webhook_id="m1")
        assert (large.status, large.headers["Retry-After"]) == (503, "5")
        assert (await daemon.post_signed(body_of(2), webhook_id="m2")).status == 200
        for task in dripping:
            task.cancel()
        await asyncio.wait(dripping)

        async def is_taken():
            return (await daemon.post_signed(body_of(1, padding=MIB - 200), webhook_id="m1")).status == 200

        await until(is_taken)
        assert {job.task_id for job in await daemon.jobs()} == {"t1", "t2"}
