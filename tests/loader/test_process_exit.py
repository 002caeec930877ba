import subprocess
import sys

PROGRAM = """
import asyncio, threading
from kling_daemon.loader.threads import HookThreads

async def main():
    begun = threading.Event()
    def hang():
        begun.set()
        threading.Event().wait()
    async with HookThreads(handler="h", size=1) as threads:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(threads.run(hang), name="hung hook")
            while not begun.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
    print("left", flush=True)

asyncio.run(main())
"""


def test_a_hung_hook_does_not_keep_the_process_alive():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "left" in ended.stdout
