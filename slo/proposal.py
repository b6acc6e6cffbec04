"""What to promise first of something that nobody has counted yet."""

import re
from collections.abc import Container
from datetime import timedelta
from decimal import Decimal

from slo.objective import Objective

FIRST = Objective(Decimal("0.995"))
WINDOW = timedelta(days=28)  # whole weeks: each has as many Mondays as the one before
CHOICES = tuple(
    Objective(Decimal(share)) for share in ("0.99", "0.995", "0.999", "0.9995", "0.9999")
)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 60


def allowance(objective: Objective, window: timedelta) -> timedelta:
    """How long everything may fail in the window, to the microsecond below."""
    return int(objective.budget_share * (window // _MICROSECOND)) * _MICROSECOND


def service_name(host: str, taken: Container[str]) -> str:
    """A name as the configuration takes it, that no other service has."""
    name = re.sub(r"[^a-z0-9]+", "-", host.lower().removeprefix("www.")).strip("-")[:_LONGEST]
    name = name.strip("-") or "service"
    if name not in taken:
        return name
    return next(free for number in range(2, 1_000_000) if (free := f"{name}-{number}") not in taken)
