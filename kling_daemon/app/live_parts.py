"""The parts of a running daemon that take over new settings; together they cover every live key."""

from collections.abc import Callable, Sequence

from kling_daemon.app.account import Account
from kling_daemon.app.reloading import Prepare
from kling_daemon.app.secrets import webhook_secrets
from kling_daemon.config import Settings
from kling_daemon.tracking import Admission, AdmissionRules, Capabilities, Confirm, Inbox, Trust


def live_parts(
    *, inbox: Inbox, capabilities: Capabilities, account: Account, admission: Admission
) -> Sequence[Prepare]:
    """Return what prepares each part for new settings."""

    def judging(settings: Settings) -> Callable[[], None]:
        trust = trust_of(settings, capabilities)
        return lambda: inbox.judge_by(trust)

    def hints(settings: Settings) -> Callable[[], None]:
        return lambda: account.ask_about_hints(settings.trust.hint_queries_per_minute)

    def admitting(settings: Settings) -> Callable[[], None]:
        rules = admission_rules(settings)
        return lambda: admission.rule_by(rules)

    return (judging, hints, admitting)


def admission_rules(settings: Settings) -> AdmissionRules:
    """Return the rules by which callbacks are let in at all."""
    return AdmissionRules(
        allowed=settings.receiver.allow_ips,
        proxies=settings.receiver.trusted_proxies,
        unproved_each=settings.trust.unproved_per_minute,
        unproved_together=settings.trust.unproved_in_all_per_minute,
    )


def trust_of(settings: Settings, capabilities: Capabilities) -> Trust:
    """Return the rules by which callbacks are judged."""
    trust = settings.trust
    return Trust(
        path=settings.receiver.path,
        secrets=webhook_secrets(settings),
        capabilities=capabilities,
        require_signature=trust.require_signature,
        confirm=Confirm(trust.confirm),
        tolerance=trust.tolerance,
    )
