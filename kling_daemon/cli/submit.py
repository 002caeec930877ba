"""`kling-daemon submit`: have a job created at Kling."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TextIO

import click

from kling_daemon.cli.durations import DurationType
from kling_daemon.cli.exit_codes import FAILED, UnreachableExit
from kling_daemon.cli.output import json_option, print_facts, print_json
from kling_daemon.cli.pairs import TAG
from kling_daemon.cli.where import Where, pass_where, talk, where_options


@click.command()
@click.argument("endpoint")
@click.option("--body", metavar="JSON", help="The body, as Kling documents it for the endpoint.")
@click.option("--body-file", type=click.File(encoding="utf-8"), metavar="FILE", help="Holds the body; - for stdin.")
@click.option("--prompt", metavar="TEXT", help="Set the body's prompt.")
@click.option("--image", metavar="URL", help="Set the body's image; for legacy endpoints (/v1/…).")
@click.option(
    "--tag",
    "tags",
    type=TAG,
    multiple=True,
    metavar="KEY=VALUE",
    help="A note on the job, not sent to Kling; repeatable.",
)
@click.option("--external-id", metavar="ID", help="The job's id of your own at Kling, by default the daemon's.")
@click.option("--idempotency-key", metavar="KEY", help="Make it repeatable: the same key again makes no second job.")
@click.option("--wait", is_flag=True, help="Wait for the job's end.")
@click.option("--timeout", type=DurationType(), help="With --wait: stop waiting after this long, such as 10m.")
@json_option
@where_options
@pass_where
def submit(
    where: Where,
    *,
    endpoint: str,
    body: str | None,
    body_file: TextIO | None,
    prompt: str | None,
    image: str | None,
    tags: Sequence[tuple[str, str]],
    external_id: str | None,
    idempotency_key: str | None,
    wait: bool,
    timeout: timedelta | None,
    as_json: bool,
) -> None:
    """Have a job created at ENDPOINT, such as /text-to-video/kling-3.0 or /v1/videos/image2video.

    Prints the job's id, once the daemon has the job on its disk. The daemon adds callback URL and external id. With
    --wait it prints the job at its end, and exits with 1 unless it succeeded.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout needs --wait")
    order = _body(endpoint, body, body_file, prompt, image)
    if idempotency_key == "":
        raise click.UsageError("--idempotency-key must not be empty")
    made = talk(
        where,
        lambda daemon: daemon.submit(
            endpoint, order, tags=dict(tags), external_id=external_id, idempotency_key=idempotency_key
        ),
    )
    if not wait:
        if as_json:
            print_json(made.as_json())
        else:
            click.echo(made.id)
        return
    _wait(where, made.id, timeout, as_json=as_json)


def _wait(where: Where, job_id: str, timeout: timedelta | None, *, as_json: bool) -> None:
    from kling_daemon.cli.following import follow, is_live
    from kling_daemon.cli.job_views import job_facts

    live = is_live(as_json=as_json)
    if not as_json:
        click.echo(f"The job is {job_id}.", err=True)
    following = talk(where, lambda daemon: follow(daemon, [job_id], timeout, live=live))
    for job in following.found():
        if as_json:
            print_json(job.as_json())
        else:
            print_facts(job_facts(job))
    if following.lost is not None:
        raise UnreachableExit(str(following.lost))
    for error in following.errors.values():
        raise click.ClickException(str(error))
    if any(job.state != "succeeded" for job in following.found()):
        raise click.exceptions.Exit(FAILED)


def _body(
    endpoint: str, text: str | None, file: TextIO | None, prompt: str | None, image: str | None
) -> dict[str, Any]:
    if text is not None and file is not None:
        raise click.UsageError("give either --body or --body-file")
    if image is not None and not _is_legacy(endpoint):
        # Kling ignores fields that it does not know and bills the job all the same.
        raise click.UsageError("--image is for legacy endpoints (/v1/…); give `contents` in --body")
    body: Any = {}
    if text is not None or file is not None:
        try:
            body = json.loads(text if text is not None else file.read() if file is not None else "")
        except UnicodeDecodeError:
            raise click.UsageError("the body is not text in UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise click.UsageError(f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise click.UsageError("the body must be a JSON object")
    set_by_option = {"prompt": prompt, "image": image}
    body |= {key: value for key, value in set_by_option.items() if value is not None}
    if not body:
        raise click.UsageError("give the job a body: --body, --body-file or --prompt")
    return dict(body)


def _is_legacy(endpoint: str) -> bool:
    from kling_daemon.kling.endpoints import LEGACY_PREFIX

    return endpoint.startswith(LEGACY_PREFIX)
