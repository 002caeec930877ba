"""What came of reading the configuration anew, and mistakes in it."""

from kling_daemon.client.models.answers import Answer


class ProblemOfConfigModel(Answer):
    """A mistake in the configuration, or a warning about it."""

    path: str
    """The key, the variable or the file that is wrong."""
    message: str


class ReloadedModel(Answer):
    """What came of reading the configuration anew."""

    file: str | None
    """The file that was read; None where there was none."""
    applied: list[str]
    """The keys whose new values are in force from now on."""
    restart: list[str]
    """The keys that differ from what the daemon was started with, and take a restart."""
    problems: list[ProblemOfConfigModel]
    """Every mistake; where there is one nothing was applied, and all is as it was."""
