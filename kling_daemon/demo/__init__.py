"""The demo: forty jobs go through the real daemon against the simulated Kling, and everything is checked at the end."""

from kling_daemon.demo.course import Outcome, demonstrate
from kling_daemon.demo.errors import DemoError
from kling_daemon.demo.evidence import Evidence, SavedFile
from kling_daemon.demo.progress import Progress
from kling_daemon.demo.scenario import ENDPOINTS, HANDLERS, Scenario
from kling_daemon.demo.stage import Stage
from kling_daemon.demo.workspace import Workspace

__all__ = [
    "ENDPOINTS",
    "HANDLERS",
    "DemoError",
    "Evidence",
    "Outcome",
    "Progress",
    "SavedFile",
    "Scenario",
    "Stage",
    "Workspace",
    "demonstrate",
]
