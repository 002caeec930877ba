"""The options of `kling-daemon simulate` that say how the simulated Kling behaves, one for each setting."""

from collections.abc import Callable

import click

OPTIONS: tuple[tuple[str, type, str, str], ...] = (
    ("--speed", float, "1", "How many times faster the next two pass."),
    ("--submitted", str, "1s-3s", "How long a job stays submitted."),
    ("--processing", str, "20s-60s", "How long a job is then processed."),
    ("--video-slots", int, "5", "Unfinished videos before creates are refused with 429/1303; 0: no limit."),
    ("--image-slots", int, "9", "The same for images."),
    ("--submitted-callbacks/--no-submitted-callbacks", bool, "submitted-callbacks", "Call back `submitted` too."),
    ("--sign-legacy/--no-sign-legacy", bool, "sign-legacy", "Sign callbacks of legacy jobs too."),
    ("--delay", str, "0s", "How long after a change its callback is sent."),
    ("--lose", float, "0", "Share of callbacks that are never sent."),
    ("--duplicate", float, "0", "Share of callbacks that are sent twice."),
    ("--reorder", float, "0", "Share of callbacks that are overtaken by their job's next one."),
    ("--late", float, "0", "Share of callbacks that are late."),
    ("--late-by", str, "1m-10m", "How much later than the others these are sent."),
    ("--forge", float, "0", "Share of callbacks before which an attacker posts one of his own."),
    ("--retries", int, "0", "How often a callback without a 2xx is sent again."),
    ("--retry-after", str, "1s", "The pause before that; it doubles each time."),
    ("--callback-timeout", str, "5s", "How long the answer to a callback is waited for."),
    ("--fail", int, "0", "This many jobs fail, one of each four until then."),
    ("--fail-moderation", float, "0", "Share of the others that content rules refuse."),
    ("--fail-input", float, "0", "Share of the others whose input cannot be fetched."),
    ("--fail-other", float, "0", "Share of the others that fail for a reason that is not told."),
    ("--unknown-status", float, "0", "Share of jobs told under a status word that nobody knows while processed."),
    ("--http-errors", float, "0", "Share of requests answered with 5xx, 1302, HTML, silence or nothing."),
    ("--ambiguous-creates", float, "0", "Share of creates that are performed and yet answered so."),
    ("--hang", str, "10s", "How long silence lasts before the connection is cut."),
    ("--outage/--no-outage", bool, "no-outage", "Perform nothing, and answer as the next two say."),
    ("--outage-answer", str, "maintenance", "What an outage answers: server_error, …, html, silence or refused."),
    ("--outage-of", str, "all", "Which requests it meets: all, reads or creates."),
    ("--clock-offset", str, "0s", "How far Kling's clock is ahead, such as 10m; behind: -10m."),
    ("--refuse-creates", int, "0", "Service code with which every create is refused, such as 1102; 0: none."),
    ("--refuse-queries", int, "0", "The same for everything that is asked."),
    ("--retired", str, "", "Models and paths that Kling no longer has (404/1203), with commas between them."),
    ("--forbidden", str, "", "Models and paths that the account may not use (403/1103)."),
    ("--pack-units", int, "0", "Units before creates are refused with 429/1102; 0: no limit."),
    ("--file-size", int, "0", "Pad result files to this many bytes."),
    ("--file-lifetime", str, "30d", "How long result files can be fetched."),
)
"""Option, type, default as it is shown, and help. The default that holds is the setting's own."""


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting; one that was not given is None."""
    for names, kind, default, text in reversed(OPTIONS):
        command = click.option(names, type=kind, default=None, help=f"{text}  [default: {default or 'none'}]")(command)
    return command
