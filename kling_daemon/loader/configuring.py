"""Making handlers of what the operator configured, and finding every mistake in the sections of handlers at once."""

from collections.abc import Callable, Iterable

import pydantic

from kling_daemon.backoff import Backoff
from kling_daemon.config import HandlerSettings, Problem, Settings, problems_of
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.handlers import ConfiguredHandler, HandlerType
from kling_daemon.loader.dependencies import check_dependencies
from kling_daemon.loader.installed import Discovery, InstalledPlugin
from kling_daemon.loader.opening import Open, open_hooks, open_instance
from kling_daemon.spelling import did_you_mean, nearest
from kling_daemon.wording import Location, dotted

_COMMON_KEYS = frozenset(HandlerSettings.model_fields)

Name = Callable[[Location], str]
"""How the operator calls a key: by its path, or by the variable that sets it."""


def configure(
    discovery: Discovery, settings: Settings, *, name: Name = dotted
) -> tuple[tuple[ConfiguredHandler, ...], list[Problem]]:
    """Return the handlers that shall run, in the order of their names, and what is wrong with the others.

    A section makes an instance of a type; event hooks make a handler wherever they are installed, unless a section
    turns it off. A handler that is turned off is not looked at. A broken plugin is a problem only where it is
    configured.
    """
    handlers: dict[str, ConfiguredHandler] = {}
    problems: list[Problem] = []
    hooked = discovery.hooked()
    sections = {**{plugin: HandlerSettings() for plugin in hooked}, **settings.handlers}
    for handler, section in sorted(sections.items()):
        if not section.enabled:
            continue
        configuring = _Configuring(discovery=discovery, settings=settings, handler=handler, section=section, name=name)
        made = configuring.instance() if section.type is not None else configuring.hooks()
        problems += configuring.problems
        if made is not None:
            handlers[handler] = made
    disabled = {handler for handler, section in sections.items() if not section.enabled}
    problems += check_dependencies(
        {handler: section.depends_on for handler, section in sections.items() if handler not in disabled},
        disabled=disabled,
        name=name,
    )
    return tuple(handlers.values()), problems


class _Configuring:
    """One section on its way to a handler."""

    def __init__(
        self, *, discovery: Discovery, settings: Settings, handler: str, section: HandlerSettings, name: Name
    ) -> None:
        self.problems: list[Problem] = []
        self._discovery = discovery
        self._settings = settings
        self._handler = handler
        self._section = section
        self._name = name

    def instance(self) -> ConfiguredHandler | None:
        """Return an instance of a handler type; None with problems."""
        type_name = self._section.type or ""
        found = self._discovery.types().get(type_name)
        if found is None:
            self._problem(self._missing_type(type_name), "type")
            return None
        plugin, offered = found
        namesake = self._discovery.hooked().get(self._handler)
        if namesake is not None:
            self._problem(
                f"the event hooks of the {namesake.label} already form a handler of this name; "
                f"choose another for this one of type '{type_name}' from the {plugin.label}"
            )
        config = self._own_config(offered)
        if config is None or self.problems:
            return None
        opener = open_instance(offered, config, concurrency=self._concurrency)
        return self._configured(plugin, self._section.events or offered.events, opener)

    def hooks(self) -> ConfiguredHandler | None:
        """Return the handler that a plugin's event hooks form; None with problems."""
        plugin = self._discovery.hooked().get(self._handler)
        if plugin is None:
            misspelt = [key for key in self._section.own if nearest(key, _COMMON_KEYS) == "type"]
            for key in misspelt:
                self._problem("unknown key; did you mean 'type'?", key)
            if not misspelt:
                self._problem(self._missing_hooks())
            return None
        for key in self._section.own:
            self._problem(f"unknown key{did_you_mean(key, _COMMON_KEYS)}", key)
        events = self._section.events or tuple(plugin.hooks)
        for event in events:
            if event not in plugin.hooks:
                self._problem(f"the {plugin.label} has no hook for '{event}'", "events")
        if self.problems:
            return None
        return self._configured(plugin, events, open_hooks(plugin.hooks, concurrency=self._concurrency))

    def _problem(self, message: str, *key: str) -> None:
        self.problems.append(Problem(path=self._name(("handlers", self._handler, *key)), message=message))

    def _missing_type(self, type_name: str) -> str:
        broken = list(self._discovery.broken())
        offering = [plugin for plugin in broken if type_name in {offered.name for offered in plugin.types}]
        namesakes = [plugin for plugin in broken if plugin.name in {type_name, self._handler}]
        # Where none is known to offer it or bears its name, each broken plugin might be the one. Of several that offer
        # it, one will do: its problem names the others.
        reasons = [f"The {plugin.label} is broken: {plugin.problem}." for plugin in offering[:1] or namesakes or broken]
        near = did_you_mean(type_name, self._discovery.types()) or ("." if reasons else "")
        return " ".join([f"no installed plugin offers the type '{type_name}'{near}", *reasons])

    def _missing_hooks(self) -> str:
        for plugin in self._discovery.broken():
            if plugin.name == self._handler:
                return f"the {plugin.label} is broken: {plugin.problem}"
        near = did_you_mean(self._handler, self._discovery.hooked())
        return f"needs a type, as no installed plugin of this name has event hooks{near}"

    def _own_config(self, offered: HandlerType) -> pydantic.BaseModel | None:
        """Return the validated keys of the plugin's own; None with problems."""
        own = self._section.own

        def name(location: Location) -> str:
            return self._name(("handlers", self._handler, *location))

        if offered.config.model_config.get("extra", "ignore") == "ignore":
            known = {key for field, info in offered.config.model_fields.items() for key in (field, info.alias) if key}
            for key in sorted(set(own) - known):
                self._problem(f"unknown key{did_you_mean(key, known | _COMMON_KEYS)}", key)
        try:
            return offered.config.model_validate(own)
        except pydantic.ValidationError as error:
            self.problems += problems_of(error, offered.config, name=name, also_known=_COMMON_KEYS)
        except Exception as error:  # noqa: BLE001 - a plugin's validator may raise anything
            self._problem(f"could not be checked by its plugin: {type(error).__name__}: {error}")
        return None

    @property
    def _concurrency(self) -> int:
        return self._section.concurrency or self._settings.delivery.concurrency

    def _configured(self, plugin: InstalledPlugin, events: Iterable[str], opener: Open) -> ConfiguredHandler | None:
        section, default = self._section, self._settings.delivery
        policy = RetryPolicy(
            max_attempts=section.max_attempts or default.max_attempts,
            backoff=Backoff(
                least=section.backoff or default.backoff, longest=section.max_backoff or default.max_backoff
            ),
            max_age=section.max_age or default.max_age,
        )
        if policy.backoff.longest < policy.backoff.least:
            self._problem("must not be less than backoff, this handler's own or the one in [delivery]", "max_backoff")
            return None
        return ConfiguredHandler(
            name=self._handler,
            plugin=plugin.name,
            events=frozenset(events),
            depends_on=section.depends_on,
            policy=policy,
            timeout=section.timeout or default.timeout,
            concurrency=self._concurrency,
            rate=section.rate or default.rate,
            open=opener,
        )
