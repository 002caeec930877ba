"""What two reports of one end may differ in without contradicting each other, and what is a contradiction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import outputs

from kling_daemon.contradictions import are_other_results
from kling_daemon.outputs import Output, OutputFile


def result(url="https://v15-kling-fdl.klingai.com/a/1.mp4", id_="v1", **more):
    return made([("main", url)], id_, **more)


def made(files, id_="v1", type_="video", duration="5.1"):
    files = tuple(OutputFile(role=role, url=url, expires_at=None) for role, url in files)
    return Output(type=type_, id=id_, duration=duration, files=files)


KLING = "https://v15-kling-fdl.klingai.com/a/1.mp4"
OTHER = "https://v15-kling-fdl.klingai.com/b/2.mp4"
INNOCENT = {
    "the same": ([result()], [result()]),
    "none yet": ([result()], []),
    "none any more": ([], [result()]),
    "a URL that is signed anew": ([result(f"{KLING}?ks=1&exp=2")], [result(f"{KLING}?ks=3")]),
    "another host of the site": ([result()], [result(KLING.replace("v15", "v21"))]),
    "another site that serves it": ([result()], [result(KLING.replace("klingai.com", "kechuangai.com"))]),
    "one more": ([result()], [result(), result(OTHER, "v2")]),
    "one fewer": ([result(OTHER, "v2"), result()], [result()]),
    "another order": ([result(OTHER, "v2"), result()], [result(), result(OTHER, "v2")]),
    "a file of a further role": ([result()], [made([("main", KLING), ("watermark", OTHER)])]),
    "a file without the one before": ([result()], [made([("watermark", OTHER)])]),
    "one more file of a role": ([result()], [made([("main", KLING), ("main", OTHER)])]),
    "another length": ([result()], [result(duration="5.041")]),
    "another word for its type": ([result()], [result(type_="videos")]),
    "an id that comes later": ([result(id_=None)], [result()]),
    "an id of another dialect": ([result(id_="1")], [result(id_="2")]),
    "nothing but an id, and then its file": ([made([])], [result()]),
}
OTHERS = {
    "another file": ([result()], [result(OTHER)]),
    "another file of another id": ([result()], [result(OTHER, "v2")]),
    "another file without ids": ([result(id_=None)], [result(OTHER, None)]),
    "another file of another site": ([result()], [result("https://evil.example/x.mp4")]),
    "an id and no file": ([made([], "v1")], [made([], "v2")]),
    "one of two": ([result(), result(OTHER, "v2")], [result(), result("https://evil.example/x.mp4", "v2")]),
    "what is no URL": ([result("https://[/a")], [result("https://[/b")]),
}


@pytest.mark.parametrize(("ours", "theirs"), INNOCENT.values(), ids=INNOCENT)
def test_innocent_differences_are_no_contradiction(ours, theirs):
    assert not are_other_results(ours, theirs)
    assert not are_other_results(theirs, ours)


@pytest.mark.parametrize(("ours", "theirs"), OTHERS.values(), ids=OTHERS)
def test_other_results_are_one(ours, theirs):
    assert are_other_results(ours, theirs)
    assert are_other_results(theirs, ours)


@given(st.lists(outputs, max_size=3), st.lists(outputs, max_size=3), st.text())
def test_it_does_not_matter_which_one_came_first_and_nothing_raises(ours, theirs, url):
    assert are_other_results(ours, theirs) == are_other_results(theirs, ours)
    assert not are_other_results(ours, ours)
    are_other_results([result(url)], [result(f"https://{url}/")])
