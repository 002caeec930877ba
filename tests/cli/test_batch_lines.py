import io
import json

import pytest

from kling_daemon.cli.batch_files import Form, Mistake
from kling_daemon.cli.batch_lines import Plan, lines_of
from kling_daemon.ids import keyed_job_id

NEW = "/text-to-video/kling-3.0"
LEGACY = "/v1/videos/text2video"


def read(text, form=Form.JSONL, **plan):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(lines_of(io.BytesIO(raw), form, Plan(**{"name": "b", "tags": {}, **plan})))


def jsonl(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def test_a_body_may_be_spread_out_or_stand_by_itself():
    spread, apart = read(
        jsonl(
            {"endpoint": NEW, "prompt": "a", "settings": {"duration": 5}, "tags": {"shot": "1"}},
            {"endpoint": NEW, "body": {"prompt": "a", "settings": {"duration": 5}}, "external_id": "e"},
        )
    )
    assert spread.order.body == apart.order.body == {"prompt": "a", "settings": {"duration": 5}}
    assert (spread.order.tags, apart.order.tags) == ({"batch": "b", "shot": "1"}, {"batch": "b"})
    assert apart.order.external_id == "e"


def test_the_columns_of_a_csv_are_fields_with_dots_and_empty_cells_are_left_out():
    text = 'endpoint,prompt,settings.duration:json,contents:json,tags.shot\n,"a, b",5,,7\n'
    text += '/omni-video/x,,,"[{""a"": 1}]",\n'
    first, second = read(text, Form.CSV, endpoint=NEW)
    assert first.order.body == {"prompt": "a, b", "settings": {"duration": 5}}
    assert (first.order.endpoint, first.order.tags) == (NEW, {"batch": "b", "shot": "7"})
    assert (second.order.endpoint, second.order.body) == ("/omni-video/x", {"contents": [{"a": 1}]})


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_of_a_spreadsheet_is_read(delimiter):
    text = f"\ufeffendpoint{delimiter}prompt\r\n{NEW}{delimiter}a, b\r\n"
    (line,) = read(text, Form.CSV)
    assert line.order.body == {"prompt": "a, b"}


def test_a_rows_number_is_that_of_the_line_on_which_it_begins():
    text = 'prompt\n"two\nlines"\n\nthird\n'
    assert [line.number for line in read(text, Form.CSV, endpoint=NEW)] == [2, 5]


def test_what_is_set_stands_where_a_line_leaves_it_out():
    lines = read(
        jsonl({"prompt": "a"}, {"prompt": "b", "settings": {"duration": 9}}),
        endpoint=LEGACY,
        fields=[(("duration",), "5"), (("camera", "type"), "simple")],
        allow_unknown=True,
        tags={"film": "x"},
    )
    assert lines[0].order.body == {"prompt": "a", "duration": "5", "camera": {"type": "simple"}}
    assert lines[1].order.tags == {"batch": "b", "film": "x"}


def test_the_same_line_of_the_same_batch_is_the_same_job_wherever_it_stands():
    one, two = {"endpoint": NEW, "prompt": "1"}, {"prompt": "2", "endpoint": NEW}
    first = [line.job_id for line in read(jsonl(one, two))]
    again = [line.job_id for line in read("\n" + jsonl({"endpoint": NEW, "prompt": "0"}, two, one))]
    assert again[1:] == first[::-1]
    assert len({*first, *again}) == 3
    assert [line.job_id for line in read(jsonl(one, two), name="other")] != first


def test_lines_that_are_the_same_are_as_many_jobs():
    lines = read(jsonl(*[{"endpoint": NEW, "prompt": "1"}] * 3))
    assert len({line.job_id for line in lines}) == 3
    assert [keyed_job_id(line.order.idempotency_key) for line in lines] == [line.job_id for line in lines]


def test_a_change_of_tags_alone_pays_for_nothing_again():
    one = {"endpoint": NEW, "prompt": "1"}
    (first,), (tagged,) = read(jsonl(one)), read(jsonl({**one, "tags": {"shot": "2"}}))
    assert first.job_id == tagged.job_id


AT_NEW = f'{{"endpoint": "{NEW}"'
AT_LEGACY = f'{{"endpoint": "{LEGACY}"'
MISTAKES = {
    "{": "it is not JSON",
    "[1]": "no object",
    '"x"': "no object",
    '{"endpoint": "/x", "prompt": NaN}': "it is not JSON",
    '{"prompt": "x"}': "names no endpoint",
    '{"endpoint": 7, "prompt": "x"}': "endpoint: Input should be a valid string",
    AT_NEW + "}": "no body",
    AT_NEW + ', "prompd": "x"}': "did you mean 'prompt'",
    AT_NEW + ', "prompt": "x", "callback_url": "u"}': "belongs into 'options'",
    AT_NEW + ', "prompt": "x", "model": "u"}': "at the end of the path",
    AT_NEW + ', "prompt": "x", "options": {"webhook": "u"}}': "'options.webhook'",
    AT_LEGACY + ', "prompt": "x", "settings": {}}': "a field of Kling's new API",
    AT_NEW + ', "body": {"prompt": "x"}, "tag": {}}': "did you mean 'tags'",
    AT_NEW + ', "body": []}': "'body' must be an object",
    AT_NEW + ', "prompt": "x", "tags": {"a": 1}}': "tags.a: Input should be a valid string",
    AT_NEW + ', "prompt": "x", "tags": []}': "'tags' must be",
}


@pytest.mark.parametrize(("line", "reason"), MISTAKES.items())
def test_what_is_wrong_with_a_line_is_told_and_the_others_are_read(line, reason):
    good = json.dumps({"endpoint": NEW, "prompt": "x"})
    first, mistake, last = read(f"{good}\n{line}\n{good}\n")
    assert isinstance(mistake, Mistake)
    assert mistake.number == 2
    assert reason in mistake.message
    assert (first.number, last.number) == (1, 3)


CSV_MISTAKES = {
    "": "must name the columns",
    "prompt,prompt\nx,y": "stands twice",
    "settings,settings.duration\nx,y": "'settings' is no object",
    "prompt,.x\nx,y": "is no field",
    "prompt\nx,y": "it has 2 cells, and there are 1 columns",
    "contents:json\n[": "column 'contents': the value is not JSON",
    'prompt\n"x': "it is no CSV",
    b"prompt\n\xff": "not text in UTF-8",
}


@pytest.mark.parametrize(("text", "reason"), CSV_MISTAKES.items())
def test_what_is_wrong_with_a_csv_is_told(text, reason):
    assert [reason in line.message for line in read(text, Form.CSV, endpoint=NEW) if isinstance(line, Mistake)] == [
        True
    ]


def test_one_external_id_is_not_given_to_two_lines():
    line = {"endpoint": NEW, "prompt": "x", "external_id": "e"}
    _, mistake = read(jsonl(line, {**line, "prompt": "y"}))
    assert "that of line 1 already" in mistake.message
