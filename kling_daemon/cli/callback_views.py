"""How kept callbacks are shown to people: a line each."""

from typing import TYPE_CHECKING

from kling_daemon.cli.job_views import moment

if TYPE_CHECKING:
    from kling_daemon.client.models import CallbackModel, CheckedCallbackModel

HEADINGS = ("CALLBACK", "CAME FIRST", "TIMES", "VERDICT", "SECRET", "JOB", "WEBHOOK-ID")
CHECK_HEADINGS = ("CALLBACK", "CAME LAST", "SECRET", "JOB", "FINDING")


def callback_line(callback: "CallbackModel") -> tuple[str, ...]:
    """Return a callback's cells."""
    return (
        str(callback.id),
        moment(callback.received_at),
        str(callback.count),
        callback.verdict,
        callback.secret or "-",
        callback.job_id or "-",
        callback.webhook_id or "-",
    )


def check_line(callback: "CheckedCallbackModel") -> tuple[str, ...]:
    """Return the cells of a callback that does not verify."""
    finding = f"does not verify ({callback.flaw})"
    if callback.finding == "secret_gone":
        finding = "cannot be verified: the secret of that name is no longer configured"
    return str(callback.id), moment(callback.last_at), callback.secret or "-", callback.job_id or "-", finding
