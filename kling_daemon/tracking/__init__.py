"""Who is believed, and the only way in for news: nothing is told to anybody before it is committed."""

from kling_daemon.tracking.abandoner import Abandoner, NotAbandonableError
from kling_daemon.tracking.account_proof import AccountProof
from kling_daemon.tracking.admission import Admission, AdmissionRules
from kling_daemon.tracking.backlog import Backlog
from kling_daemon.tracking.callbacks import UNHANDLED, Answer, Callback
from kling_daemon.tracking.capabilities import Capabilities
from kling_daemon.tracking.capability_keys import CapabilityKeys, load_capability_keys
from kling_daemon.tracking.evidence import Checked, Finding, check_evidence
from kling_daemon.tracking.growing_notice import GrowingNotice
from kling_daemon.tracking.inbox import Inbox
from kling_daemon.tracking.kling_health import KlingHealth
from kling_daemon.tracking.notice_board import NoticeBoard
from kling_daemon.tracking.tracker import Tracker
from kling_daemon.tracking.trust import Confirm, Trust, Verdict, VerdictKind

__all__ = [
    "UNHANDLED",
    "Abandoner",
    "AccountProof",
    "Admission",
    "AdmissionRules",
    "Answer",
    "Backlog",
    "Callback",
    "Capabilities",
    "CapabilityKeys",
    "Checked",
    "Confirm",
    "Finding",
    "GrowingNotice",
    "Inbox",
    "KlingHealth",
    "NotAbandonableError",
    "NoticeBoard",
    "Tracker",
    "Trust",
    "Verdict",
    "VerdictKind",
    "check_evidence",
    "load_capability_keys",
]
