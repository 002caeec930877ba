from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.client.server_sent import Block, Blocks

STREAM = (
    b'retry: 250\nid: AAA\n\n: ping\n\nid:BBB\r\nevent: job.failed\r\ndata: {"a":\r\ndata:  "b"}\r\n\r\nweird\nid: CC'
)


def test_blocks_tell_what_they_hold():
    assert Blocks().feed(STREAM) == [
        Block(id="AAA", data=None, retry=250),
        Block(id=None, data=None, retry=None),
        Block(id="BBB", data='{"a":\n "b"}', retry=None),
    ]


@given(st.lists(st.integers(0, len(STREAM)), max_size=9))
def test_however_the_bytes_arrive_the_blocks_are_the_same(cuts):
    blocks, found, edges = Blocks(), [], [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(edges):
        found += blocks.feed(STREAM[start:end])
    assert found == Blocks().feed(STREAM)


def test_what_the_server_says_of_retrying_is_believed_only_if_it_is_a_number():
    assert Blocks().feed("retry: ²\ndata: x\n\n".encode()) == [Block(id=None, data="x", retry=None)]
