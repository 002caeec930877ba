"""The daemon that receives, tracks and hands on the results of Kling AI jobs."""

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: `importlib.metadata` takes longer to import than `--help` to run."""
    if name == "__version__":
        from importlib.metadata import version

        return version("kling-daemon")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
