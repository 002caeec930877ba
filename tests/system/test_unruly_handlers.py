"""Handlers that hang, raise and return junk, in the real process: they delay nobody, and neither does the stop."""

import time

from fakes.daemon_process import Machine
from fakes.dispatching import until
from fakes.plugin_folder import PluginFolder
from recorded.kling_bodies import raw

DONE = raw("new_callback_succeeded_video")
STOP_TIMEOUT = 4
SETTINGS = f"""
[delivery]
backoff = "1h"
[service]
stop_timeout = "{STOP_TIMEOUT}s"
"""
UNRULY = {
    "hung-thread": """
        def kling_job_completed(event, context):
            print(context.name, "attempt", context.attempt)
            if "BEHAVE" not in os.environ:
                time.sleep(3600)
    """,
    "hung-task": """
        async def kling_job_completed(event, context):
            print(context.name, "attempt", context.attempt)
            if "BEHAVE" not in os.environ:
                await asyncio.get_running_loop().create_future()
    """,
    "raising": """
        def kling_job_completed(event):
            raise ValueError("the printer is out of paper")
    """,
    "leaving": """
        async def kling_job_completed(event):
            raise SystemExit(3)
    """,
    "junk": """
        async def kling_job_completed(event):
            return object()
    """,
    "unstorable": """
        def kling_job_completed(event):
            return {"value": object()}
    """,
    "good": """
        async def kling_job_completed(event):
            return {"seen": event.job.task_id}
    """,
}
"""What is installed, by entry point; each is an event hook."""


def install(machine):
    plugins = PluginFolder(machine.installed)
    for name, hook in UNRULY.items():
        head, _, body = hook.partition("\n")[2].partition("\n")
        imports = "import asyncio, os, time\nfrom kling_daemon.plugin import hookimpl\n"
        indent = len(head) - len(head.lstrip())
        lines = [line[indent:] for line in (head, *body.splitlines())]
        plugins.add(f"kling-{name}", name, "\n".join([imports, "@hookimpl", *lines, ""]))


async def test_unruly_handlers_delay_neither_the_others_nor_the_stop_which_costs_no_attempt(tmp_path):
    machine = Machine(tmp_path)
    machine.configure(SETTINGS)
    install(machine)
    async with machine.daemon() as daemon:
        assert (await daemon.post_signed(DONE)).status == 200
        await daemon.until_delivery("good", state="done", result={"seen": "930000000000000012"})
        await daemon.until_delivery(
            "raising", state="pending", attempt=1, error="ValueError: the printer is out of paper"
        )
        await daemon.until_delivery("leaving", state="pending", attempt=1)
        for junk in ("junk", "unstorable"):
            await daemon.until_delivery(junk, state="done", result=None)
        for hung in ("hung-thread", "hung-task"):
            await daemon.until_delivery(hung, state="running", attempt=1)
            await until(lambda hung=hung: f"{hung} attempt 1" in daemon.text.splitlines())
        assert daemon.said("result ignored, as it is no mapping", handler="junk", level="warning")
        assert daemon.said("result not stored", handler="unstorable", level="warning")
        listed = daemon.typed("deliveries", "list", "--state", "running")
        assert {line.split()[1] for line in listed.out.splitlines()[1:]} == {"hung-thread", "hung-task"}
        began = time.monotonic()
        assert await daemon.stop() == 0
        assert time.monotonic() - began < STOP_TIMEOUT
        assert "Traceback" not in daemon.text

    async with machine.daemon(BEHAVE="1") as daemon:
        for hung in ("hung-thread", "hung-task"):
            await daemon.until_delivery(hung, state="done", attempt=1)
            assert f"{hung} attempt 1" in daemon.text.splitlines()
        assert (await daemon.delivery("raising"))["attempt"] == 1
        assert await daemon.stop() == 0


async def test_a_plugin_that_ends_the_interpreter_ends_the_daemon_at_once_which_says_so(tmp_path):
    machine = Machine(tmp_path)
    machine.configure(SETTINGS)
    PluginFolder(machine.installed).add(
        "kling-quitter",
        "quitter",
        """
        import asyncio, sys
        from kling_daemon.plugin import hookimpl

        @hookimpl
        async def kling_job_completed(event):
            asyncio.get_running_loop().call_soon(sys.exit, 3)
        """,
    )
    async with machine.daemon() as daemon:
        assert (await daemon.post_signed(DONE)).status == 200
        await until(lambda: daemon.process.poll() is not None)
        assert daemon.process.poll() == 1
        assert daemon.said("a plugin has called sys.exit: the daemon ends, and loses nothing", level="critical")
