"""What plugin authors may write, held against the types of the door; mypy reads it, nobody runs it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from kling_daemon.plugin import (
    Charge,
    DeliveryContext,
    EventType,
    FailureReason,
    HandlerConfig,
    HandlerContext,
    HandlerType,
    HttpClient,
    HttpError,
    HttpRefusedError,
    JobEvent,
    Log,
    Notice,
    Reject,
    Retry,
    Submit,
    SubmitRefusedError,
    hookimpl,
)


@hookimpl
async def kling_job_completed(event: JobEvent) -> None:
    cost: tuple[Charge, ...] = event.job.cost
    assert event.job.outputs[0].files or cost


@hookimpl
def kling_job_failed(event: JobEvent, context: DeliveryContext) -> dict[str, str]:
    if event.job.reason is FailureReason.MODERATION:
        raise Reject(f"{context.name}: the prompt is the problem")
    raise Retry("later", after=timedelta(minutes=1))


@hookimpl
def kling_notice(event: Notice) -> None:
    assert event.kind
    assert event.subject != event.message


class Config(HandlerConfig):
    url: str


class AsyncHandler:
    async def handle(self, event: JobEvent | Notice, context: DeliveryContext) -> Mapping[str, Any]:
        if isinstance(event, Notice):
            return {"notice": event.type}
        try:
            await fetch(context.http, context.log, event)
            job_id: str = await follow_up(context.submit)
        except (HttpRefusedError, SubmitRefusedError) as error:
            context.log.exception("refused", url=None)
            raise Reject(str(error)) from error
        except HttpError as error:
            raise Retry(str(error), after=60) from error
        context.heartbeat()
        return {"job": job_id, "kept": await context.step("once", once)}


class PlainHandler:
    def handle(self, context: DeliveryContext) -> None:
        context.log.info("called", attempt=context.attempt, key=context.idempotency_key, results=len(context.results))


async def fetch(http: HttpClient, log: Log, event: JobEvent) -> None:
    async with http.request("GET", event.job.outputs[0].files[0].url, headers={"Range": "bytes=0-"}) as answer:
        async for chunk in answer.chunks():
            log.debug("chunk", size=len(chunk), status=answer.status, kind=answer.headers.get("Content-Type"))


async def follow_up(submit: Submit) -> str:
    return await submit("/v1/videos/image2video", {"image": "https://a.example/b.png"}, key="next", tags={"of": "a"})


async def once() -> int:
    return 1


@asynccontextmanager
async def open_async(config: Config, context: HandlerContext) -> AsyncIterator[AsyncHandler]:
    context.log.info("opened", url=config.url, folder=str(context.data_dir))
    yield AsyncHandler()


@asynccontextmanager
async def open_plain(_config: Config, _context: HandlerContext) -> AsyncIterator[PlainHandler]:
    yield PlainHandler()


ENDS = {EventType.COMPLETED, EventType.FAILED}


@hookimpl
def kling_register_handlers() -> list[HandlerType]:
    return [
        HandlerType(name="async", config=Config, open=open_async, events={"job.completed", "notice"}),
        HandlerType(name="plain", config=Config, open=open_plain, events=ENDS),
    ]
