"""Reads what a task cost, from `final_*_deduction` of the legacy dialect or `billing` of the new one."""

from collections.abc import Mapping, Sequence
from typing import Any

from kling_daemon.kling.scalars import read_decimal, read_label
from kling_daemon.outputs import Charge, Output

UNIT = "unit"
CASH = "cash"

NOTHING = Charge(kind=UNIT, amount="0", unit=None)
"""How it looks that Kling charged nothing: its own line for a failed task has neither kind nor unit."""

_PACKAGES = {"video": "video", "image": "image", "series_image": "image"}
"""The type of a task's first output -> the package that it is charged to."""


def read_cost(task: Mapping[str, Any], outputs: Sequence[Output]) -> tuple[Charge, ...]:
    """Return what Kling charged; the same charge reads the same in both dialects.

    Lines of zero are left out beside others; where all are zero, one says so. Empty where Kling has not said.
    outputs: the task's results, by which the legacy dialect tells whose package was charged.
    """
    lines = _read_billing(task.get("billing")) or _read_deductions(task, outputs)
    if not lines:
        return ()
    return tuple([line for line in lines if line.amount.strip("-0.")]) or (NOTHING,)


def _read_billing(billing: Any) -> list[Charge]:
    lines: list[Charge] = []
    for line in billing if isinstance(billing, list) else ():
        if isinstance(line, dict) and (amount := read_decimal(line.get("amount"))) is not None:
            unit = read_label(line.get("package_type")) or read_label(line.get("currency"))
            lines.append(Charge(kind=read_label(line.get("charge_type")) or UNIT, amount=amount, unit=unit))
    return lines


def _read_deductions(task: Mapping[str, Any], outputs: Sequence[Output]) -> list[Charge]:
    lines: list[Charge] = []
    if (amount := read_decimal(task.get("final_unit_deduction"))) is not None:
        # The first output is what the task was for: a video with a sound track is a video.
        package = _PACKAGES.get(outputs[0].type) if outputs else None
        lines.append(Charge(kind=UNIT, amount=amount, unit=package))
    balance = task.get("final_balance_deduction")
    if isinstance(balance, dict) and (quota := read_decimal(balance.get("quota"))) is not None:
        lines.append(Charge(kind=CASH, amount=quota, unit=None))
    return lines
