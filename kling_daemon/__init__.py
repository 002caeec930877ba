"""The daemon that receives, tracks and hands on the results of Kling AI jobs."""

from importlib.metadata import version

__version__ = version("kling-daemon")
