"""A status word that nobody knows is told of, once for each word, and again by the next run if it is still said."""

from fakes.asking import asking

from kling_daemon.app.strange_words import StrangeWords
from kling_daemon.jobs import JobState
from kling_daemon.tracking.tracker import MAX_WORDS


async def told(here, watch):
    await watch.look()
    return sorted(notice.subject for notice in await here.store.read.open_notices() if notice.kind == "kling.status")


async def test_each_strange_word_is_a_notice_and_its_job_goes_on(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        watch = StrangeWords(here.board, here.tracker)
        assert await told(here, watch) == []
        job = await here.called_back("t1", None, strange_word="queueing")
        await here.called_back("t2", None, strange_word="pausing")
        await here.called_back("t2", None, strange_word="pausing")
        assert (job.state, await here.due_in() is not None) == ("submitted", True)
        assert await told(here, watch) == ["pausing", "queueing"]
        await here.called_back("t1", JobState.SUCCEEDED)
        assert (await here.job("t1")).state == "succeeded"
        assert await told(here, watch) == ["pausing", "queueing"]
        (message,) = [one.message for one in await here.store.read.open_notices() if one.subject == "queueing"]
        assert message.startswith(f"Kling says of job {job.id} that it is 'queueing'")
    async with asking(tmp_path, "http://127.0.0.1:9", clock=here.clock) as here:
        assert await told(here, StrangeWords(here.board, here.tracker)) == []


async def test_very_many_words_are_no_words(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        for number in range(MAX_WORDS + 5):
            await here.called_back("t1", None, strange_word=f"word {number}")
        assert len(await told(here, StrangeWords(here.board, here.tracker))) == MAX_WORDS
