"""SLOs and ledgers for the tests of the engine."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from slo.definition import SLO, ProbeSLI
from slo.ledger import BucketDelta, Ledger
from slo.objective import Objective
from slo.severity import Severity
from slo.tiers import Tier, default_tiers
from slo.window import Rolling

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def an_slo(
    objective: str = "99.9",
    window: timedelta = timedelta(days=30),
    interval: timedelta = timedelta(seconds=10),
    tiers: tuple[Tier, ...] | None = None,
    no_data_after: timedelta = timedelta(minutes=2),
) -> SLO:
    promised = Objective(Decimal(objective) / 100)
    return SLO(
        service="shop",
        name="availability",
        objective=promised,
        window=Rolling(window),
        sli=ProbeSLI("health"),
        tiers=default_tiers(promised, window) if tiers is None else tiers,
        interval=interval,
        no_data_after=no_data_after,
    )


def a_tier(
    long: timedelta = timedelta(hours=1),
    short: timedelta = timedelta(minutes=5),
    factor: str = "14.4",
    severity: Severity = Severity.PAGE,
    for_: timedelta = timedelta(0),
    keep_firing_for: timedelta = timedelta(minutes=1),
) -> Tier:
    return Tier(severity, Fraction(factor), long, short, for_, keep_firing_for)


def a_ledger(slo: SLO, bucket: int = 10) -> Ledger:
    return Ledger(bucket, slo.window.length)


def book(
    ledger: Ledger, at: datetime, good: int = 0, bad: int = 0, unknown: int = 0, **more: int
) -> None:
    """One observation at `at`; it came unless `seen=0` is said."""
    seen = more.pop("seen", 1)
    ledger.book(at, BucketDelta(ledger.bucket_of(at), good, bad, unknown, seen, **more))


def run(
    ledger: Ledger,
    start: datetime,
    end: datetime,
    good: int = 1,
    bad: int = 0,
    every: timedelta = timedelta(seconds=10),
) -> None:
    """The same observation again and again in [start, end)."""
    for at in instants(start, end, every):
        book(ledger, at, good, bad)


def instants(start: datetime, end: datetime, every: timedelta) -> Iterable[datetime]:
    at = start
    while at < end:
        yield at
        at += every
