"""Reads what a task cost, from `final_*_deduction` of the legacy dialect or `billing` of the new one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kling_daemon.kling.scalars import read_decimal, read_label
from kling_daemon.outputs import Charge, Output

UNIT = "unit"
CASH = "cash"

NOTHING = Charge(kind=UNIT, amount="0", unit=None)
"""How it looks that Kling charged nothing: its own line for a failed task has neither kind nor unit."""

_PACKAGES = ("video", "image")


def read_cost(task: Mapping[str, Any], outputs: Sequence[Output]) -> tuple[Charge, ...]:
    """Return what Kling charged; the same charge reads the same in both dialects.

    Lines of zero are left out beside others; where all are zero, one says so. Empty where Kling has not said.
    outputs: the task's results, by which the legacy dialect tells whose package was charged.
    """
    billing = task.get("billing")
    lines = list(_billing(billing) if isinstance(billing, list) and billing else _deductions(task, outputs))
    charged = tuple(line for line in lines if line.amount.strip("-0."))
    return charged or ((NOTHING,) if lines else ())


def _billing(billing: list[Any]) -> Iterator[Charge]:
    for line in billing:
        if isinstance(line, dict) and (amount := read_decimal(line.get("amount"))) is not None:
            unit = read_label(line.get("package_type")) or read_label(line.get("currency"))
            yield Charge(kind=read_label(line.get("charge_type")) or UNIT, amount=amount, unit=unit)


def _deductions(task: Mapping[str, Any], outputs: Sequence[Output]) -> Iterator[Charge]:
    if (amount := read_decimal(task.get("final_unit_deduction"))) is not None:
        # The first output is what the task was for: a video with a sound track is a video.
        package = outputs[0].type if outputs and outputs[0].type in _PACKAGES else None
        yield Charge(kind=UNIT, amount=amount, unit=package)
    balance = task.get("final_balance_deduction")
    if isinstance(balance, dict) and (quota := read_decimal(balance.get("quota"))) is not None:
        yield Charge(kind=CASH, amount=quota, unit=None)
