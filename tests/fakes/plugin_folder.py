"""Installed plugins for tests: a folder of real distributions, found as pip would have left them."""

import sys
from importlib import metadata
from pathlib import Path
from textwrap import dedent

GROUP = "kling_daemon.plugins"


def write_distribution(folder: Path, name: str, entry_point: str, source: str) -> Path:
    """Write a plugin as its author keeps it: a module and a `pyproject.toml`, for pip to install."""
    module = name.replace("-", "_")
    folder = folder / name
    folder.mkdir(parents=True)
    (folder / f"{module}.py").write_text(dedent(source))
    (folder / "pyproject.toml").write_text(
        dedent(f"""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"

            [project]
            name = "{name}"
            version = "1.2"

            [project.entry-points."{GROUP}"]
            {entry_point} = "{module}"
        """)
    )
    return folder


class PluginFolder:
    """A folder on `sys.path` that distributions are put into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._modules: list[str] = []

    def add(self, distribution: str, entry_point: str, source: str, *, module: str | None = None) -> None:
        """Put in a distribution with one module and one entry point that names it, or an attribute of it."""
        name, _, attribute = (module or f"{distribution.replace('-', '_')}_{self.path.name}").partition(":")
        name = name.replace("-", "_")
        (self.path / f"{name}.py").write_text(dedent(source))
        self._modules.append(name)
        info = self.path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        target = f"{name}:{attribute}" if attribute else name
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entry_point} = {target}\n")

    def entry_points(self) -> list[metadata.EntryPoint]:
        """Return the entry points of the folder's distributions alone."""
        found = metadata.distributions(path=[str(self.path)])
        return [point for distribution in found for point in distribution.entry_points if point.group == GROUP]

    def forget(self) -> None:
        """Take the imported modules out of the interpreter again."""
        for module in self._modules:
            sys.modules.pop(module, None)
