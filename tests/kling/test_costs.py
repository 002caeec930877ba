import pytest

from kling_daemon.kling.costs import NOTHING, read_cost
from kling_daemon.outputs import Charge, Output

VIDEO = Output(type="video", id=None, duration=None, files=())
IMAGE = Output(type="image", id=None, duration=None, files=())
VOICE = Output(type="voice", id=None, duration=None, files=())


def unit(amount, package):
    return Charge(kind="unit", amount=amount, unit=package)


@pytest.mark.parametrize(
    ("legacy", "new", "outputs", "cost"),
    [
        (
            {"final_unit_deduction": "2.5", "final_balance_deduction": {"quota": "0", "list_price": "0"}},
            {"billing": [{"charge_type": "unit", "amount": "2.5", "package_type": "video"}]},
            [VIDEO],
            (unit("2.5", "video"),),
        ),
        (
            {"final_unit_deduction": "8"},
            {"billing": [{"charge_type": "unit", "amount": "8", "package_type": "image"}]},
            [IMAGE, IMAGE],
            (unit("8", "image"),),
        ),
        ({"final_unit_deduction": "0"}, {"billing": [{"amount": "0"}]}, [], (NOTHING,)),
        ({}, {"billing": []}, [], ()),
    ],
    ids=["video", "image", "nothing", "unsaid"],
)
def test_the_same_charge_reads_the_same_in_both_dialects(legacy, new, outputs, cost):
    assert read_cost(legacy, outputs) == cost
    assert read_cost(new, outputs) == cost


def test_cash_and_units_are_both_told():
    task = {
        "billing": [
            {"charge_type": "cash", "cash_type": "balance", "amount": "0.21", "currency": "USD", "list_price": "0.42"},
            {"charge_type": "unit", "amount": "8", "package_type": "image"},
        ]
    }
    assert read_cost(task, []) == (Charge(kind="cash", amount="0.21", unit="USD"), unit("8", "image"))


def test_a_legacy_balance_is_cash_of_a_currency_that_kling_does_not_name():
    task = {"final_unit_deduction": "0", "final_balance_deduction": {"quota": "0.21", "list_price": "0.42"}}
    assert read_cost(task, [VIDEO]) == (Charge(kind="cash", amount="0.21", unit=None),)


def test_no_package_is_guessed_for_what_is_neither_video_nor_image():
    assert read_cost({"final_unit_deduction": "0.05"}, [VOICE]) == (unit("0.05", None),)


@pytest.mark.parametrize(
    "task",
    [
        {"billing": None},
        {"billing": "x"},
        {"billing": [None, 7, {}, {"amount": None}, {"amount": "much"}]},
        {"final_unit_deduction": "", "final_balance_deduction": None},
        {"final_unit_deduction": {}, "final_balance_deduction": {"quota": []}},
        {"final_unit_deduction": True, "final_balance_deduction": "7"},
    ],
)
def test_what_is_no_amount_is_no_charge(task):
    assert read_cost(task, [VIDEO]) == ()
