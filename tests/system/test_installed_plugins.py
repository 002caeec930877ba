"""Plugins that pip has installed, in front of the real process: found, run, and named where they are broken."""

import json
import re
from pathlib import Path

import pytest
from fakes.daemon_process import Machine
from fakes.plugin_folder import PluginFolder, write_distribution
from recorded.kling_bodies import parsed, raw

README = (Path(__file__).parents[2] / "README.md").read_text()
DONE = raw("new_callback_succeeded_video")
HOOK = """
    from kling_daemon.plugin import JobEvent, hookimpl

    @hookimpl
    async def kling_job_completed(event: JobEvent) -> None:
        print("seen by", __name__, flush=True)
"""
TYPE = """
    from contextlib import asynccontextmanager
    from kling_daemon.plugin import HandlerConfig, HandlerType, hookimpl

    @asynccontextmanager
    async def opened(config, context):
        yield None

    @hookimpl
    def kling_register_handlers():
        return [HandlerType(name="post", config=HandlerConfig, open=opened, events={"job.completed"})]
"""
BROKEN = {
    "kling-absent": ("absent", "import kling_absent_dependency"),
    "kling-typo": ("typo", "def kling_job_completed(event:"),
    "kling-leaver": ("leaver", "raise SystemExit(3)"),
    "kling-greedy": ("greedy", HOOK.replace("event: JobEvent", "event: JobEvent, database")),
    "kling-wrapper": ("wrapper", HOOK.replace("@hookimpl", "@hookimpl(wrapper=True)")),
    "kling-twin-a": ("twin", HOOK),
    "kling-twin-b": ("twin", HOOK),
    "kling-post-a": ("post-a", TYPE),
    "kling-post-b": ("post-b", TYPE),
}
"""Distributions by name, each with its entry point and its module."""
REASONS = {
    "kling-absent": ["cannot be imported", "No module named 'kling_absent_dependency'"],
    "kling-typo": ["cannot be imported", "SyntaxError"],
    "kling-leaver": ["cannot be imported", "SystemExit: 3"],
    "kling-greedy": ["kling_job_completed takes 'database'", "only 'event' and 'context' are offered"],
    "kling-wrapper": ["kling_job_completed is marked wrapper"],
    "kling-twin-a": ["kling-twin-a 1.2 and kling-twin-b 1.2 each have an entry point named 'twin'"],
    "kling-twin-b": ["kling-twin-a 1.2 and kling-twin-b 1.2 each have an entry point named 'twin'"],
    "kling-post-a": ["post-a (kling-post-a) and post-b (kling-post-b) each offer a handler type named 'post'"],
    "kling-post-b": ["post-a (kling-post-a) and post-b (kling-post-b) each offer a handler type named 'post'"],
}


def plugin_of_the_readme(folder):
    folder.mkdir()
    section = README.partition("## A plugin in ten lines")[2]
    module, project = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)[:2]
    (folder / "kling_hello.py").write_text(module)
    (folder / "pyproject.toml").write_text(project)
    return folder


async def test_the_plugin_of_the_readme_is_installed_found_and_run(tmp_path):
    machine = Machine(tmp_path / "home")
    machine.configure()
    machine.pip_install(plugin_of_the_readme(tmp_path / "hello"))
    async with machine.daemon() as daemon:
        assert (await daemon.post_signed(DONE)).status == 200
        await daemon.until_delivery("hello", state="done", attempt=1)
        (job,) = await daemon.jobs()
        assert f"{job['id']} {parsed('new_callback_succeeded_video')['outputs'][0]['url']}" in daemon.text.splitlines()

        listed = daemon.typed("plugins", "list")
        assert listed.status == 0
        assert re.search(r"^hello +kling-hello +1\.0 +ready +job\.completed$", listed.out, re.MULTILINE)
        assert re.search(r"^hello +hello +open +job\.completed ", listed.out, re.MULTILINE)
        as_json = json.loads(daemon.typed("plugins", "list", "--json").out)
        (plugin,) = [plugin for plugin in as_json["items"] if plugin["name"] == "hello"]
        assert plugin == {
            "name": "hello", "distribution": "kling-hello", "version": "1.0", "status": "ready", "problem": None,
            "types": [], "hooks": ["job.completed"],
        }  # fmt: skip
        assert [handler["state"] for handler in as_json["handlers"]] == ["open"]
        assert await daemon.stop() == 0


async def test_broken_plugins_are_named_with_their_reasons_while_the_others_run(tmp_path):
    machine = Machine(tmp_path / "home")
    machine.configure()
    folders = [write_distribution(tmp_path, name, *given) for name, given in BROKEN.items()]
    machine.pip_install(plugin_of_the_readme(tmp_path / "hello"), *folders)
    async with machine.daemon() as daemon:
        assert (await daemon.post_signed(DONE)).status == 200
        await daemon.until_delivery("hello", state="done")
        assert "seen by" not in daemon.text

        listed = json.loads(daemon.typed("plugins", "list", "--json").out)
        problems = {plugin["distribution"]: plugin["problem"] for plugin in listed["items"]}
        assert {name for name, problem in problems.items() if problem} == set(REASONS)
        table = daemon.typed("plugins", "list").out.splitlines()
        warned = {line["distribution"]: line["reason"] for line in daemon.said("broken plugin")}
        for name, reasons in REASONS.items():
            (row,) = [row for row in table if row.split()[1:2] == [name]]
            for reason in reasons:
                assert reason in problems[name]
                assert reason in row
                assert reason in warned[name]
        assert "Traceback" not in daemon.text
        checked = machine.typed("config", "check", "--config", machine.config)
        assert (checked.status, checked.out.splitlines()[0].split()[-1]) == (0, "hello.")
        assert await daemon.stop() == 0


CONFIGURED = """
[handlers.absent]
[handlers.by-type]
type = "absent"
[handlers.poster]
type = "post"
[handlers.twin]
[handlers.hello]
type = "letter"
"""
STOPPED_BY = {
    "handlers.absent": "the plugin 'absent' of kling-absent 1.2 is broken: kling_absent_site_packages cannot",
    "handlers.by-type.type": "No module named 'kling_absent_dependency'",
    "handlers.poster.type": "post-a (kling-post-a) and post-b (kling-post-b) each offer a handler type named 'post'",
    "handlers.twin": "kling-twin-a 1.2 and kling-twin-b 1.2 each have an entry point named 'twin'",
    "handlers.hello": "the event hooks of the plugin 'hello' of kling-hello 1.2 already form a handler of this name; "
    "choose another for this one of type 'letter' from the plugin 'letters' of kling-letters 1.2",
}


@pytest.mark.parametrize("verb", [("run",), ("config", "check")], ids=" ".join)
def test_broken_plugins_that_are_configured_stop_the_start_with_their_reasons(tmp_path, verb):
    machine = Machine(tmp_path / "home")
    plugins = PluginFolder(machine.installed)
    for name, (entry_point, source) in BROKEN.items():
        plugins.add(name, entry_point, source)
    plugins.add("kling-hello", "hello", HOOK)
    plugins.add("kling-letters", "letters", TYPE.replace('"post"', '"letter"'))
    machine.configure(CONFIGURED)
    ended = machine.typed(*verb, "--config", machine.config)
    assert ended.status == 78
    told = dict(line.strip().split(": ", 1) for line in ended.err.splitlines() if line.startswith("  "))
    assert set(told) == set(STOPPED_BY)
    for path, reason in STOPPED_BY.items():
        assert reason in told[path]
    assert "Traceback" not in ended.err
    assert not machine.state.exists()
