"""What can go wrong when Kling is asked: the service code decides, not the HTTP status."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kling_daemon.jobs import FailureReason
from kling_daemon.kling.scalars import read_label, read_message


class ErrorKind(StrEnum):
    """What went wrong, by what follows from it."""

    CREDENTIALS = "credentials"
    """1000, 1001, 1002: Kling does not accept our key. Nothing can be asked or created; a person must act."""
    TOKEN_TIME = "token_time"  # noqa: S105 - the name of a kind of error
    """1003, 1004: a signed token is not yet or no longer valid, and neither was the one signed after it. An API key
    never gets this answer."""
    NO_API_KEY = "no_api_key"
    """Nothing was sent: the path is of the new generation, and we have an access key and a secret key alone. Says
    nothing about how Kling answers elsewhere; a person must act."""
    BALANCE = "balance"
    """1100, 1101, 1102: the account is abnormal, in arrears or its pack is empty. Nothing was created; queries work."""
    PERMISSION = "permission"
    """1103: the account may not use this endpoint or model. Nothing was created, and the same request never will be."""
    BAD_REQUEST = "bad_request"
    """1200, 1201: Kling does not accept the parameters. Nothing was created, and the same request never will be."""
    DUPLICATE_EXTERNAL_ID = "duplicate_external_id"
    """1201 "already exists": a task bears this external id. Nothing more was created or billed; look it up."""
    TASK_NOT_FOUND = "task_not_found"
    """1201 "Task not found": a legacy query for an id that Kling does not know under this account."""
    TOO_MANY_IDS = "too_many_ids"
    """1201 "cannot exceed 20 in total": the query named more ids than Kling takes. Nothing was answered."""
    NO_SUCH_RESOURCE = "no_such_resource"
    """1202, 1203: the path or method does not exist. Nothing was created."""
    CONTENT = "content"
    """1300, 1301: the platform's policy or content security refused the request. Nothing was created."""
    TOO_FAST = "too_fast"
    """1302: too many requests. Nothing was created; the same request may be sent again a little later."""
    CONCURRENCY = "concurrency"
    """1303: the pack's parallel tasks are all in use. Nothing was created; send again when one ends."""
    ADDRESS = "address"
    """1304: our network address is not on the account's list. Nothing can be asked or created; a person must act."""
    SERVER = "server"
    """5000, 5001, 5002: an error, maintenance or a time-out inside Kling. A create may have happened."""
    UNINTELLIGIBLE = "unintelligible"
    """HTML, no JSON, JSON that is not Kling's, an answer past the size limit. A create may have happened."""
    UNREACHABLE = "unreachable"
    """Nothing was sent: no name resolution, no connection, no TLS. A create cannot have happened."""
    NO_ANSWER = "no_answer"
    """The request went out, but no whole answer came back in time. A create may have happened."""

    @property
    def is_retryable_read(self) -> bool:
        """True when asking the same again soon may well be answered."""
        return self in _RETRYABLE_READS

    @property
    def may_have_created(self) -> bool:
        """True when a create that ended so may have made a task: look its external id up before sending it again."""
        return self in _AMBIGUOUS

    @property
    def calls_for_look_up(self) -> bool:
        """True when, after a create, only the look-up of its external id tells whether there is a task."""
        return self in _AMBIGUOUS or self is ErrorKind.DUPLICATE_EXTERNAL_ID

    @property
    def holds_account(self) -> bool:
        """True when no create of this account can succeed until a person acts: hold its submissions, send a notice."""
        return self in _HOLDING

    @property
    def refuses_us(self) -> bool:
        """True when Kling answers us nothing at all, queries included, until a person acts."""
        return self in _HOLDING and self not in (ErrorKind.BALANCE, ErrorKind.NO_API_KEY)

    @property
    def create_failure(self) -> FailureReason | None:
        """Why a job whose create ended so has failed for good; None when that create does not end it."""
        if self in _REFUSALS:
            return FailureReason.REJECTED
        return FailureReason.MODERATION if self is ErrorKind.CONTENT else None


_AMBIGUOUS = frozenset({ErrorKind.SERVER, ErrorKind.UNINTELLIGIBLE, ErrorKind.NO_ANSWER})
_RETRYABLE_READS = _AMBIGUOUS | {ErrorKind.TOO_FAST, ErrorKind.UNREACHABLE}
_HOLDING = frozenset(
    {ErrorKind.CREDENTIALS, ErrorKind.TOKEN_TIME, ErrorKind.NO_API_KEY, ErrorKind.BALANCE, ErrorKind.ADDRESS}
)
_REFUSALS = frozenset(
    {
        ErrorKind.PERMISSION,
        ErrorKind.BAD_REQUEST,
        ErrorKind.TASK_NOT_FOUND,
        ErrorKind.TOO_MANY_IDS,
        ErrorKind.NO_SUCH_RESOURCE,
    }
)

KINDS: Mapping[int, ErrorKind] = {
    1000: ErrorKind.CREDENTIALS,
    1001: ErrorKind.CREDENTIALS,
    1002: ErrorKind.CREDENTIALS,
    1003: ErrorKind.TOKEN_TIME,
    1004: ErrorKind.TOKEN_TIME,
    1100: ErrorKind.BALANCE,
    1101: ErrorKind.BALANCE,
    1102: ErrorKind.BALANCE,
    1103: ErrorKind.PERMISSION,
    1200: ErrorKind.BAD_REQUEST,
    1201: ErrorKind.BAD_REQUEST,
    1202: ErrorKind.NO_SUCH_RESOURCE,
    1203: ErrorKind.NO_SUCH_RESOURCE,
    1300: ErrorKind.CONTENT,
    1301: ErrorKind.CONTENT,
    1302: ErrorKind.TOO_FAST,
    1303: ErrorKind.CONCURRENCY,
    1304: ErrorKind.ADDRESS,
    5000: ErrorKind.SERVER,
    5001: ErrorKind.SERVER,
    5002: ErrorKind.SERVER,
}
"""What each service code means; of 1201 the message may say more."""

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: ErrorKind.CREDENTIALS,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NO_SUCH_RESOURCE,
    405: ErrorKind.NO_SUCH_RESOURCE,
    429: ErrorKind.TOO_FAST,
}
_SUCCESS = 0
_PARAMETERS = 1201


class KlingError(Exception):
    """Kling refused a request, or nobody knows what became of it; its kind says what follows."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        http_status: int | None = None,
        code: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Take what is known; the three numbers are None where no answer of Kling's bore them."""
        told = (("HTTP", http_status), ("code", code), ("request", request_id))
        details = ", ".join(f"{name} {value}" for name, value in told if value is not None)
        super().__init__(f"{kind}: {message} ({details})" if details else f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.http_status = http_status
        self.code = code
        self.request_id = request_id


def read_error(http_status: int, answer: Mapping[str, Any]) -> KlingError | None:
    """Return the error that an answer's envelope speaks of; None for a success, whatever the HTTP status."""
    code = _read_code(answer.get("code"))
    if code == _SUCCESS:
        return None
    message = read_message(answer.get("message")) or read_message(answer.get("msg"))
    request_id = read_label(answer.get("request_id"))
    if code is None:
        kind, message = ErrorKind.UNINTELLIGIBLE, "the answer has no service code, so it is not Kling's"
    else:
        kind = kind_of(code, message, http_status)
    return KlingError(kind, message, http_status=http_status, code=code, request_id=request_id)


def kind_of(code: int, message: str, http_status: int) -> ErrorKind:
    """Return what a service code other than 0 means; an unknown one means what its HTTP status means."""
    known = KINDS.get(code)
    if known is not None:
        return _kind_of_parameters(message) if code == _PARAMETERS else known
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    match http_status // 100:
        case 4:
            return ErrorKind.BAD_REQUEST
        case 5:
            return ErrorKind.SERVER
    return ErrorKind.UNINTELLIGIBLE


def _kind_of_parameters(message: str) -> ErrorKind:
    """Tell the meanings of 1201 apart; the messages quote ids of ours, so their fixed beginnings come first."""
    said = message.lower()
    if said.startswith("task not found"):
        return ErrorKind.TASK_NOT_FOUND
    if said.startswith("external_task_id") and said.endswith("already exists"):
        return ErrorKind.DUPLICATE_EXTERNAL_ID
    if "cannot exceed" in said and "in total" in said:
        return ErrorKind.TOO_MANY_IDS
    return ErrorKind.BAD_REQUEST


def _read_code(value: Any) -> int | None:
    """Return a service code; a string of its digits is taken for it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len("99999"):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**6 else None
