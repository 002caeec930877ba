"""What the simulated Kling tells of an account's resource pack, and how often it may be asked."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.settings import SimulatorSettings

AT_MOST_EVERY = timedelta(seconds=1)
"""Kling allows one such question a second."""
_PLENTY = Decimal(1_000_000)
"""The size of a pack that is told to be unlimited."""
_VALID_FOR = timedelta(days=365)


class CostsDesk:
    """Answers `GET /account/costs`, and knows when each account asked last."""

    def __init__(self) -> None:
        """Start with nobody having asked."""
        self._asked: dict[str, datetime] = {}

    def answer(
        self, account: Account, query: Mapping[str, str], settings: SimulatorSettings, now: datetime
    ) -> dict[str, Any]:
        """Return the packs that were bought within the wanted times. RefusalError 1302 when it is asked too fast.

        As in the vendor's example the envelope holds another one, whose message is called `msg`.
        """
        last = self._asked.get(account.name)
        if last is not None and timedelta(0) <= now - last < AT_MOST_EVERY:
            raise RefusalError(1302)
        self._asked[account.name] = now
        start, end = (_millis(query, name) for name in ("start_time", "end_time"))
        pack = _pack(account, settings, now)
        is_wanted = start <= pack["purchase_time"] <= end
        is_named = query.get("resource_pack_name", pack["resource_pack_name"]) == pack["resource_pack_name"]
        return {"code": 0, "msg": "success", "resource_pack_subscribe_infos": [pack] if is_wanted and is_named else []}


def _pack(account: Account, settings: SimulatorSettings, now: datetime) -> dict[str, Any]:
    total = Decimal(settings.pack_units) or _PLENTY
    left = max(total - account.billed_units, Decimal(0))
    bought = to_millis(account.opened_at)
    ends = to_millis(account.opened_at + _VALID_FOR)
    status = "expired" if to_millis(now) >= ends else "online" if left else "runOut"
    return {
        "resource_pack_name": f"Simulated - {total} units",
        "resource_pack_id": uuid.uuid5(uuid.NAMESPACE_OID, f"{settings.seed}/{account.name}").hex,
        "resource_pack_type": "decreasing_total",
        "total_quantity": float(total),
        "remaining_quantity": float(left),
        "purchase_time": bought,
        "effective_time": bought,
        "invalid_time": ends,
        "status": status,
    }


def _millis(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < len(str(2**63))):
        raise RefusalError(1201, f"{name} must be a time in milliseconds")
    return int(text)
