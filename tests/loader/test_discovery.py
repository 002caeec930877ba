import json

from kling_daemon.loader import PluginStatus, discover

HOOKS = """
    from kling_daemon.plugin import hookimpl

    @hookimpl
    async def kling_job_completed(event):
        pass

    @hookimpl
    def kling_notice(context, event):
        pass
"""

TYPES = """
    from contextlib import asynccontextmanager
    from kling_daemon.plugin import HandlerConfig, HandlerType, hookimpl

    class Config(HandlerConfig):
        directory: str

    @asynccontextmanager
    async def open_it(config, context):
        yield None

    @hookimpl
    def kling_register_handlers():
        return [HandlerType(name="{name}", config=Config, open=open_it, events={{"job.completed"}})]
"""


def by_name(discovery):
    return {plugin.name: plugin for plugin in discovery.plugins}


def test_a_plugin_is_found_with_what_it_offers(plugins):
    plugins.add("kling-hooks", "hooks", HOOKS)
    plugins.add("kling-types", "types", TYPES.format(name="download"))
    discovery = discover(plugins.entry_points())
    assert json.loads(json.dumps(discovery.as_json())) == [
        {
            "name": "hooks",
            "distribution": "kling-hooks",
            "version": "1.2",
            "status": "ready",
            "problem": None,
            "types": [],
            "hooks": ["job.completed", "notice"],
        },
        {
            "name": "types",
            "distribution": "kling-types",
            "version": "1.2",
            "status": "ready",
            "problem": None,
            "types": ["download"],
            "hooks": [],
        },
    ]


def test_installed_distributions_are_looked_through_by_default(plugins):
    plugins.add("kling-hooks", "my-hooks", HOOKS)
    assert by_name(discover())["my-hooks"].status is PluginStatus.READY


def test_a_broken_import_is_named_with_its_reason_and_stops_nobody_else(plugins):
    plugins.add("kling-broken", "broken", "import nothing_of_this_name")
    plugins.add("kling-exits", "exits", "raise SystemExit(3)")
    plugins.add("kling-syntax", "syntax", "def (")
    plugins.add("kling-hooks", "hooks", HOOKS)
    found = by_name(discover(plugins.entry_points()))
    assert found["hooks"].status is PluginStatus.READY
    assert "cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'" in found["broken"].problem
    assert "SystemExit: 3" in found["exits"].problem
    assert "SyntaxError" in found["syntax"].problem


def test_two_distributions_with_one_name_are_both_named_and_neither_is_loaded(plugins):
    plugins.add("kling-one", "same", HOOKS)
    plugins.add("kling-two", "same", "raise AssertionError('it must not be imported')")
    one, two = discover(plugins.entry_points()).plugins
    assert {one.distribution, two.distribution} == {"kling-one", "kling-two"}
    assert (
        one.problem
        == two.problem
        == ("kling-one 1.2 and kling-two 1.2 each have an entry point named 'same'; uninstall one of them")
    )


def test_two_plugins_with_one_type_name_are_both_named(plugins):
    plugins.add("kling-one", "one", TYPES.format(name="download"))
    plugins.add("kling-two", "two", TYPES.format(name="download"))
    plugins.add("kling-other", "other", TYPES.format(name="upload"))
    discovery = discover(plugins.entry_points())
    found = by_name(discovery)
    assert (
        found["one"].problem
        == found["two"].problem
        == ("one (kling-one) and two (kling-two) each offer a handler type named 'download'; uninstall one of them")
    )
    assert set(discovery.types()) == {"upload"}


def test_an_entry_point_may_name_an_object(plugins):
    source = """
        from kling_daemon.plugin import hookimpl

        class Plugin:
            @hookimpl
            async def kling_job_failed(self, event):
                pass

        plugin = Plugin()
    """
    plugins.add("kling-object", "object", source, module="kling_object_module:plugin")
    assert list(by_name(discover(plugins.entry_points()))["object"].hooks) == ["job.failed"]
