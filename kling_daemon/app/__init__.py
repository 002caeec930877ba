"""The composition root: which parts a running daemon is made of, and in which order they start and stop."""

from kling_daemon.app.certificates import examine_certificates
from kling_daemon.app.daemon import Addresses, run_daemon
from kling_daemon.app.garbage import rare_collections
from kling_daemon.app.secrets import doubts_about_secrets, problems_with_secrets

__all__ = [
    "Addresses",
    "doubts_about_secrets",
    "examine_certificates",
    "problems_with_secrets",
    "rare_collections",
    "run_daemon",
]
