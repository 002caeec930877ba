"""When Kling has to be asked again, the log says so in words that tell what is wrong."""

import structlog
from fakes.dispatching import until
from fakes.kling_caller import NEW_VIDEO
from fakes.running_daemon import running_daemon
from fakes.scripted_kling import ScriptedKling, envelope, task


async def test_a_read_that_is_tried_again_is_told_with_its_reason(tmp_path):
    busy = (503, envelope(None, 5001, "maintenance"))
    kling = ScriptedKling(answer=[(200, envelope(task("k1", "submitted"))), busy])
    with structlog.testing.capture_logs() as logs:
        async with kling.serve(), running_daemon(tmp_path, kling=kling.url, poller={"interval": "10ms"}) as daemon:
            await daemon.submit(NEW_VIDEO)
            await until(lambda: any(line["event"] == "kling is asked again" for line in logs))
    told = next(line for line in logs if line["event"] == "kling is asked again")
    assert (told["log_level"], told["times"]) == ("info", 1)
    assert "5001" in told["error"]
    assert not any("stamina" in line["event"] for line in logs)
