"""Rules that change while callbacks come."""

from ipaddress import ip_network

from kling_daemon.tracking import Admission, AdmissionRules
from kling_daemon.tracking.callbacks import Callback


def callback(peer):
    return Callback(headers=[], body=b"", path="/", peer=peer)


def test_other_rules_hold_from_the_next_request_on():
    admission = Admission(AdmissionRules(), seconds=lambda: 0.0)
    assert not admission.bars("192.0.2.1", [])
    admission.rule_by(AdmissionRules(allowed=[ip_network("203.0.113.0/24")], unproved_each=1))
    assert admission.bars("192.0.2.1", [])
    assert not admission.bars("203.0.113.1", [])
    assert [admission.wait(callback("192.0.2.1")) for _ in range(2)] == [None, 60]
    admission.rule_by(AdmissionRules())
    assert not admission.bars("192.0.2.1", [])


def test_whose_address_nobody_knows_is_limited_as_his_peer():
    admission = Admission(AdmissionRules(unproved_each=1), seconds=lambda: 0.0)
    assert [admission.wait(callback(None)) for _ in range(2)] == [None, 60]
    assert admission.wait(callback("192.0.2.1")) is None
