"""The lines of a batch: one order to create a job for each line of a JSONL file or row of a CSV file.

A file is read twice, once to check all of it and once to submit it, and never held in memory: bodies may bear pictures.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pydantic

from kling_daemon.cli.batch_fields import FieldError, Place, with_value
from kling_daemon.cli.batch_files import Form, Mistake, Record, records_of
from kling_daemon.client.models import SubmitModel
from kling_daemon.ids import keyed_job_id
from kling_daemon.kling.fields import strange_fields
from kling_daemon.spelling import did_you_mean

BATCH_TAG = "batch"
"""The tag that bears the batch's name, so that its jobs can be found."""
OWN_KEYS = ("endpoint", "body", "tags", "external_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line says about all lines."""

    name: str
    """The batch's name: with a line's content it makes the idempotency key."""
    endpoint: str | None = None
    tags: Mapping[str, str]
    fields: Sequence[tuple[Place, Any]] = ()
    """What is set in each body that does not have it."""
    allow_unknown: bool = False
    """Fields that Kling is not known to read are let pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One order, and where it stands."""

    number: int
    order: SubmitModel
    job_id: str
    """The id of the job that it makes, or has made."""


def lines_of(file: BinaryIO, form: Form, plan: Plan) -> Iterator[BatchLine | Mistake]:
    """Yield what each line asks for, from the file's beginning; the same file and plan give the same again."""
    seen: Counter[str] = Counter()
    external_ids: dict[str, int] = {}
    for record in records_of(file, form):
        if isinstance(record, Mistake):
            yield record
            continue
        try:
            line = _line(record, plan, seen)
            _claim(line, external_ids)
        except FieldError as error:
            yield Mistake(number=record.number, message=str(error))
        else:
            yield line


def _line(record: Record, plan: Plan, seen: Counter[str]) -> BatchLine:
    endpoint, body, tags, external_id = _parts(record.value)
    endpoint = endpoint or plan.endpoint
    if not endpoint:
        raise FieldError("it names no endpoint; give it one, or all of them with --endpoint")
    for place, value in plan.fields:
        body = with_value(body, place, value)
    if not body:
        raise FieldError("it has no body, so that there is nothing to create")
    if not plan.allow_unknown and (strange := strange_fields(str(endpoint), body)):
        raise FieldError(f"{'; '.join(strange)}; --allow-unknown-fields lets it pass")
    content = json.dumps([endpoint, body, external_id], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    seen[digest] += 1
    key = f"batch:{plan.name}:{digest}:{seen[digest]}"
    try:
        order = SubmitModel(
            endpoint=endpoint,
            body=body,
            tags={BATCH_TAG: plan.name, **plan.tags, **tags},
            external_id=external_id,
            idempotency_key=key,
        )
    except pydantic.ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise FieldError(f"{'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}") from None
    return BatchLine(number=record.number, order=order, job_id=keyed_job_id(key))


def _claim(line: BatchLine, external_ids: dict[str, int]) -> None:
    """Note whose an external id is; FieldError when it is another line's."""
    external_id = line.order.external_id
    if external_id is not None and (first := external_ids.setdefault(external_id, line.number)) != line.number:
        raise FieldError(f"the external id {external_id!r} is that of line {first} already")


def _parts(value: Mapping[str, Any]) -> tuple[Any, dict[str, Any], Mapping[str, Any], Any]:
    """Return endpoint, body, tags and external id of a line, whose body may also be spread out beside the others."""
    own = {key: value[key] for key in OWN_KEYS if key in value}
    others = {key: inner for key, inner in value.items() if key not in OWN_KEYS}
    if "body" not in own:
        body: Any = others
    elif others:
        name = next(iter(others))
        raise FieldError(f"it has a 'body' and, beside it, '{name}'{did_you_mean(name, OWN_KEYS) or '; put it inside'}")
    else:
        body = own["body"]
    if not isinstance(body, dict):
        raise FieldError("'body' must be an object")
    tags = own.get("tags", {})
    if not isinstance(tags, dict):
        raise FieldError("'tags' must be an object of texts")
    return own.get("endpoint"), body, tags, own.get("external_id")
