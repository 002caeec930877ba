import json
from dataclasses import replace

from fakes.demo_outcome import RESULTS, good_evidence, outcome

from kling_daemon.cli.demo_summary import facts, file_lines, summary

WENT_WELL = outcome()


def test_everything_is_told_in_numbers():
    told = dict(facts(WENT_WELL))
    assert told["jobs"] == "3: 2 succeeded, 1 failed"
    assert told["failures"] == "1 moderation"
    assert told["callbacks"] == "15 received: 11 believed, 2 refused, 1 misdirected, 1 hint"
    assert told["  from Kling"] == "12 due: 3 lost, 2 doubled, 1 reordered"
    assert told["  from others"] == "4 forged: 3 refused, 1 no more than a reason to ask Kling"
    assert told["polls"] == "2; of 1 ends whose callback was lost they found 1"
    assert told["requests"] == "7 to Kling: 5 creates, 2 queries"
    assert told["  put off"] == "2 creates, since every slot was taken (1303)"
    assert told["events"] == "6: 3 job.status_changed, 2 job.completed, 1 job.failed"
    assert told["deliveries"] == "archive: 2 of 2 done"
    assert told["files"] == "2 with 2.0 MiB; 2 have the same SHA-256 as at Kling"
    assert told["time"] == "12s"


def test_facts_fit_on_eighty_columns():
    width = max(len(name) for name, _ in facts(WENT_WELL))
    assert all(width + 2 + len(value) <= 80 for _, value in facts(WENT_WELL))


def test_each_file_is_held_against_klings():
    one, other = good_evidence().saved
    changed = good_evidence(saved=(one, replace(other, sha256="f" * 64)))
    assert file_lines(outcome(evidence=changed), RESULTS) == [
        ("video/1.mp4", "1,048,576", "1" * 16, "same"),
        ("video/2.mp4", "1,048,576", "f" * 16, "DIFFERENT"),
    ]
    assert dict(facts(outcome(evidence=changed)))["files"] == "2 with 2.0 MiB; 1 have the same SHA-256 as at Kling"


def test_json_tells_the_same():
    told = json.loads(json.dumps(summary(WENT_WELL)))
    assert told["succeeded"] is True
    assert told["callbacks"]["refused"] == 3
    assert told["polls"] == {"total": 2, "lost_ends": 1, "lost_ends_found": 1}
    assert told["deliveries"] == {"archive": {"total": 2, "done": 2}, "journal": {"total": 6, "done": 6}}
    assert [file["same_at_kling"] for file in told["files"]] == [True, True]
    broken = summary(outcome(findings=("job job-1 has not ended: it is processing",)))
    assert (broken["succeeded"], len(broken["findings"])) == (False, 1)
