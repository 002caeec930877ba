"""Finding the installed plugins: each is imported and examined by itself, so that a broken one harms only itself.

pluggy's own loader is not used: it ends at the first entry point that cannot be imported, and passes silently over a
second one of the same name.
"""

from collections import defaultdict
from collections.abc import Iterable
from importlib import metadata

from kling_daemon.hookspecs import ENTRY_POINT_GROUP
from kling_daemon.loader.calling import UnsuitableError
from kling_daemon.loader.examination import examine
from kling_daemon.loader.installed import Discovery, InstalledPlugin, PluginStatus


def discover(entry_points: Iterable[metadata.EntryPoint] | None = None) -> Discovery:
    """Return every installed plugin, usable or not; no plugin's mistake raises.

    entry_points: those to look at; by default the group `kling_daemon.plugins` of all installed distributions.
    """
    found = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
    by_name: dict[str, list[metadata.EntryPoint]] = defaultdict(list)
    for entry_point in found:
        by_name[entry_point.name].append(entry_point)
    plugins: list[InstalledPlugin] = []
    for _, namesakes in sorted(by_name.items()):
        if len(namesakes) == 1:
            plugins.append(_load(namesakes[0]))
        else:
            plugins += _refuse_namesakes(namesakes)
    return Discovery(plugins=tuple(_refuse_shared_types(plugins)))


def _describe(entry_point: metadata.EntryPoint) -> InstalledPlugin:
    distribution = entry_point.dist
    return InstalledPlugin(
        name=entry_point.name,
        distribution=distribution.name if distribution else "unknown",
        version=distribution.version if distribution else "unknown",
        status=PluginStatus.READY,
    )


def _load(entry_point: metadata.EntryPoint) -> InstalledPlugin:
    described = _describe(entry_point)
    try:
        plugin = entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's import may raise anything
        return described.broken(f"{entry_point.value} cannot be imported: {type(error).__name__}: {error}")
    try:
        return examine(plugin, described)
    except UnsuitableError as error:
        return described.broken(str(error))


def _refuse_namesakes(namesakes: list[metadata.EntryPoint]) -> list[InstalledPlugin]:
    described = [_describe(entry_point) for entry_point in namesakes]
    owners = " and ".join(sorted(f"{plugin.distribution} {plugin.version}" for plugin in described))
    return [
        plugin.broken(f"{owners} each have an entry point named '{plugin.name}'; uninstall one of them")
        for plugin in described
    ]


def _refuse_shared_types(plugins: list[InstalledPlugin]) -> list[InstalledPlugin]:
    offering: dict[str, list[InstalledPlugin]] = defaultdict(list)
    for plugin in plugins:
        for offered in plugin.types:
            offering[offered.name].append(plugin)
    problems: dict[str, str] = {}
    for type_name, owners in offering.items():
        if len(owners) > 1:
            named = " and ".join(f"{owner.name} ({owner.distribution})" for owner in owners)
            for owner in owners:
                problems[owner.name] = f"{named} each offer a handler type named '{type_name}'; uninstall one of them"
    return [plugin.broken(problems[plugin.name]) if plugin.name in problems else plugin for plugin in plugins]
