"""How a number came to be: each one opened until it is a list of buckets that adds up to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from dashboards import format as write
from dashboards import learning, links
from dashboards.format import Moment
from dashboards.source import AsOf
from slo.alert_state import AlertState, Phase
from slo.counts import Counts, WindowCounts
from slo.definition import SLO
from slo.edges import Edges, edges_of
from slo.epoch import floor
from slo.evaluate import evidence_of
from slo.evidence import LIMITS, tail
from slo.ledger import BucketDelta
from slo.slices import NoData, SliceCounts
from slo.status import Budget, Burn, SLOStatus, TierReading, Verdict
from slo.units import format_duration, parse_duration
from slo.window import Calendar, Rolling, Window

ROWS = 100
_MOST_SPAN = timedelta(days=400)
_WIDTHS = tuple(timedelta(seconds=seconds) for seconds in (86_400, 3_600, 300, 60))
_VERDICTS = {Verdict.TRUE: "true", Verdict.FALSE: "not true", Verdict.FROZEN: "cannot tell"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which buckets are listed: those of [start, end) in steps of `width`, `ROWS` of them a page.

    `name` is the window that they are, `after` where the page begins.
    """

    name: str | None
    start: datetime
    end: datetime
    width: timedelta
    after: datetime

    @property
    def until(self) -> datetime:
        """Where the page ends."""
        return min(self.end, floor(self.after, self.width) + ROWS * self.width)


def read_listing(asked: Mapping[str, str], told: AsOf) -> Listing:
    """The listing that an address asks for; the SLO's window unless told. Raises ValueError."""
    status, base = told.status, told.bucket
    name: str | None = None
    if "start" in asked or "end" in asked:
        start, end = (floor(_moment(asked.get(key, "")), base) for key in ("start", "end"))
    else:
        name = asked.get("window") or status.slo.window.label
        lengths = dict(_windows(status.slo, status))
        if name not in lengths:
            raise ValueError(f"{name!r} is no window of this SLO: {', '.join(lengths)} are")
        found = _edges(status, lengths[name], base)
        start, end = found.start, status.at
    if not start < end:
        raise ValueError("the start must lie before the end")
    if end > status.at:
        raise ValueError("the end must not lie after the moment that is looked at")
    if end - start > _MOST_SPAN:
        raise ValueError(f"at most {format_duration(_MOST_SPAN)} can be opened at once")
    width = parse_duration(asked["step"]) if asked.get("step") else coarsest(end - start, base)
    if width not in widths(end - start, base):
        raise ValueError(f"{format_duration(width)} is no step that this stretch can be opened in")
    after = _moment(asked["after"]) if asked.get("after") else start
    if not start <= after < end:
        raise ValueError("this page of the list does not exist")
    return Listing(name, start, end, width, after)


def widths(length: timedelta, base: timedelta) -> tuple[timedelta, ...]:
    """The steps that a stretch can be opened in, coarsest first; the last are base buckets."""
    finer = [width for width in _WIDTHS if base < width and width * 2 <= length]
    return (*finer, base)


def coarsest(length: timedelta, base: timedelta) -> timedelta:
    """The step that a stretch is opened in first."""
    return widths(length, base)[0]


# --- the page ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """One number: how it is shown, and the calculation that gives it, line by line."""

    id: str
    name: str
    shown: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window: its edges, its sums, and where it is opened."""

    name: str
    start: str
    end: str
    unit: str
    good: str
    bad: str
    unknown: str
    observed: str
    url: str


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One line of the list; `url` opens it further, None for what cannot be."""

    start: str
    end: str
    good: str
    bad: str
    unknown: str
    seen: str
    missed: str
    url: str | None


@dataclass(frozen=True, slots=True)
class StepLink:
    word: str
    url: str
    chosen: bool


_STRETCHES = 50  # excluded ones that are listed, the newest


@dataclass(frozen=True, slots=True)
class NumbersView:
    """Everything the page prints."""

    name: str
    service: str
    slo_url: str
    service_url: str
    at: Moment
    promise: tuple[tuple[str, str], ...]
    numbers: tuple[Number, ...]
    windows: tuple[WindowRow, ...]
    listed: str
    steps: tuple[StepLink, ...]
    rows: tuple[BucketRow, ...]
    sums: BucketRow
    adds_up: bool
    check: str
    smeared: str | None
    next_url: str | None
    excluded: str | None  # None: no exclusion is for it
    stretches: tuple[tuple[str, str], ...]  # of the list, that are excluded
    exclusions_url: str


def numbers_view(
    told: AsOf,
    listing: Listing,
    whole: Sequence[BucketDelta],
    page: Sequence[BucketDelta],
    now: datetime,
    excluded: Sequence[tuple[datetime, datetime]] = (),
) -> NumbersView:
    """The page. `whole` is the listing in its coarsest steps, `page` the rows of this page.

    `excluded` are the stretches of the listing that do not count.
    """
    status, base = told.status, told.bucket
    slo, total = status.slo, sum(whole, BucketDelta(0))
    adds_up, check = _check(status, listing, total)
    address = _Address(slo, status.at)
    return NumbersView(
        name=slo.name,
        service=slo.service,
        slo_url=links.slo_url(slo.id),
        service_url=links.service_url(slo.service),
        at=write.moment(status.at, now),
        promise=_promise(slo),
        numbers=(
            _sli(status),
            _budget(status),
            *(_burn(slo, burn) for burn in status.burns),
            *(_tier(slo, one, told.states.get(one.tier.key)) for one in status.tiers),
        ),
        windows=tuple(
            _window(status, name, length, base, address) for name, length in _windows(slo, status)
        ),
        listed=_listed(listing),
        steps=tuple(
            StepLink(
                format_duration(width),
                address.listing(listing, width),
                width == listing.width,
            )
            for width in widths(listing.end - listing.start, base)
        ),
        rows=tuple(_row(one, listing, base, address) for one in page),
        sums=_sums(listing, total),
        adds_up=adds_up,
        check=check,
        smeared=_smeared(total),
        next_url=address.listing(listing, listing.width, listing.until)
        if listing.until < listing.end
        else None,
        excluded=_excluded(status),
        stretches=tuple((_stamp(start), _stamp(end)) for start, end in excluded[-_STRETCHES:]),
        exclusions_url=links.exclusions_url(slo.sli_id),
    )


def _excluded(status: SLOStatus) -> str | None:
    """What the window holds beside what counts, so that both together are what was counted."""
    raw, gone = status.raw, status.excluded
    if raw is None:
        return None
    counts, left = raw.window.counts, status.window.counts
    return (
        f"Of the window's {_n(counts.good)} good, {_n(counts.bad)} bad and {_n(counts.unknown)} "
        f"unknown events {_n(gone.good)}, {_n(gone.bad)} and {_n(gone.unknown)} are excluded: "
        f"{_n(left.good)}, {_n(left.bad)} and {_n(left.unknown)} count. Without exclusions the SLI "
        f"would be {write.sli(raw.sli, status.slo.objective)}, the budget left "
        f"{learning.left(status, raw.budget)}."
    )


@dataclass(frozen=True, slots=True)
class _Address:
    """Addresses of this page at its moment."""

    slo: SLO
    at: datetime

    def window(self, name: str) -> str:
        return self._url(window=name)

    def listing(self, listing: Listing, width: timedelta, after: datetime | None = None) -> str:
        follow = {"after": _iso(after)} if after else {}
        step = {"step": format_duration(width)}
        if listing.name is not None:
            return self._url(window=listing.name, **step, **follow)
        return self._url(start=_iso(listing.start), end=_iso(listing.end), **step, **follow)

    def stretch(self, start: datetime, end: datetime) -> str:
        return self._url(start=_iso(start), end=_iso(end))

    def _url(self, **parts: str) -> str:
        return links.with_query(links.numbers_url(self.slo.id), at=_iso(self.at), **parts) + "#list"


def _promise(slo: SLO) -> tuple[tuple[str, str], ...]:
    share = write.exact(slo.objective.budget_share)
    return (
        ("Objective T", f"{slo.objective.share.normalize():f}, as it was written"),
        ("Budget share 1 - T", f"{share}, exactly"),
        ("Window", _name_of(slo.window)),
        *_method(slo),
        ("Good, bad", "events, each booked once in the bucket in which it was due"),
        ("Unknown", "our failures to look: in no ratio, neither good nor bad"),
    )


def _name_of(window: Window) -> str:
    if isinstance(window, Calendar):
        return f"{window.phrase}, from its local start until now"
    return f"rolling {window.label}"


def _method(slo: SLO) -> list[tuple[str, str]]:
    """What is counted in place of events."""
    slicing = slo.slicing
    if slicing is None:
        return []
    bad = (
        "each costs bad / (good + bad) of its events"
        if slicing.target is None
        else f"bad where good / (good + bad) is below {write.exact(slicing.target)}"
    )
    idle = "is left out" if slicing.no_data is NoData.IGNORE else f"is {slicing.no_data.value}"
    return [
        ("Slices", f"of {slicing.label}, once they are over; {bad}"),
        ("An idle slice", f"{idle}; one that nobody saw is left out"),
    ]


def _slices_sli(status: SLOStatus, slices: SliceCounts) -> Number:
    if status.sli is None:
        return Number("sli", "SLI", write.NO_DATA, ("No slice that counts, so no ratio.",))
    return Number(
        "sli",
        "SLI",
        write.sli(status.sli, status.slo.objective),
        (
            "SLI = 1 - cost of bad slices / slices that count",
            f"= 1 - {write.exact(slices.cost)} / {_n(slices.observed)}",
            f"= {write.exact(status.sli)}",
        ),
    )


def _sli(status: SLOStatus) -> Number:
    if status.slices is not None:
        return _slices_sli(status, status.slices)
    counts = status.window.counts
    if status.sli is None:
        return Number("sli", "SLI", write.NO_DATA, ("No event, so no ratio.",))
    return Number(
        "sli",
        "SLI",
        write.sli(status.sli, status.slo.objective),
        (
            "SLI = good / (good + bad)",
            f"= {_n(counts.good)} / ({_n(counts.good)} + {_n(counts.bad)})",
            f"= {_n(counts.good)} / {_n(counts.total)}",
            f"= {write.exact(status.sli)}",
        ),
    )


def _budget(status: SLOStatus) -> Number:
    slo, budget, counts = status.slo, status.budget, status.window.counts
    if budget is None:
        what = "event" if status.slices is None else "slice that counts"
        return Number("budget", "Budget left", write.NO_DATA, (f"No {what}, so no budget either.",))
    share = write.exact(slo.objective.budget_share)
    left = write.exact(budget.remaining)
    spent = _n(counts.bad) if status.slices is None else write.exact(status.slices.cost)
    seconds = budget.remaining * slo.objective.budget_share * slo.window.seconds
    return Number(
        "budget",
        "Budget left",
        f"{learning.budget(status)}, {learning.budget_time(status)}",
        (
            _allowed(status, budget, share),
            (
                f"spent = {'bad' if status.slices is None else 'cost'} / allowed = "
                f"{spent} / {write.exact(budget.allowed)} = {write.exact(budget.spent)}"
            ),
            f"left = 1 - spent = {left}",
            (
                f"as time of a full outage = left x (1 - T) x window = {left} "
                f"x {share} x {_n(slo.window.seconds)} s = {write.exact(seconds)} s"
            ),
        ),
    )


def _allowed(status: SLOStatus, budget: Budget, share: str) -> str:
    if status.slices is None:
        return (
            f"allowed = (1 - T) x (good + bad) = {share} x {_n(status.window.counts.total)} "
            f"= {write.exact(budget.allowed)} events"
        )
    whole = budget.allowed / status.slo.objective.budget_share
    what = "all of the period" if isinstance(status.slo.window, Calendar) else "that count"
    return (
        f"allowed = (1 - T) x slices ({what}) = {share} x {write.exact(whole)} "
        f"= {write.exact(budget.allowed)} slices"
    )


def _burn(slo: SLO, burn: Burn) -> Number:
    label = format_duration(burn.lookback)
    return Number(
        f"burn-{label}",
        f"Burn rate over {label}",
        write.burn(burn.rate),
        (f"burn({label}) = {_burn_formula(slo, burn, burn.window.counts)}",),
    )


def _burn_formula(slo: SLO, burn: Burn, counts: Counts) -> str:
    slices = burn.slices
    if not (counts.total if slices is None else slices.observed):
        if burn.window.seen:
            return "0: it was observed, and nothing happened"
        return "no data: nothing was observed"
    share = slo.objective.budget_share
    if slices is not None:
        rate = slices.cost / slices.observed / share
        return (
            f"(cost / slices) / (1 - T) = ({write.exact(slices.cost)} / {_n(slices.observed)}) / "
            f"{write.exact(share)} = {write.exact(rate)}"
        )
    rate = Fraction(counts.bad, counts.total) / share
    return (
        f"(bad / (good + bad)) / (1 - T) = ({_n(counts.bad)} / {_n(counts.total)}) / "
        f"{write.exact(share)} = {write.exact(rate)}"
    )


def _tier(slo: SLO, reading: TierReading, state: AlertState | None) -> Number:
    tier = reading.tier
    long, short = format_duration(tier.long), format_duration(tier.short)
    window = reading.short.window
    due = Fraction(
        tier.short // timedelta(microseconds=1), slo.interval // timedelta(microseconds=1)
    )
    lines = [
        f"threshold = {write.exact(tier.factor)}" + (f" ({tier.note})" if tier.note else ""),
        (
            f"burn({long}) = {_burn_formula(slo, reading.long, reading.long.window.counts)}"
            f": {_above(reading.long.rate, tier.factor)}"
        ),
        (
            f"burn({short}), observed events only = "
            f"{_burn_formula(slo, reading.short, window.observed)}"
            f": {_above(reading.short.rate, tier.factor)}"
        ),
        f"observations in {short} = {_n(window.seen)} of {write.exact(due)} due: "
        + ("at least half" if window.seen * 2 >= due else "fewer than half, so nothing changes"),
        _evidence(slo, reading, state),
    ]
    fires = state is not None and state.phase is Phase.FIRING
    return Number(
        f"rule-{tier.severity.value}-{long}-{short}",
        f"Rule {tier.severity.value} {write.factor(tier.factor)}, {long} and {short}",
        f"{_VERDICTS[reading.verdict]}, {'firing' if fires else 'not firing'}",
        (*lines, f"so: {reading.reason}"),
    )


def _above(rate: Fraction | None, factor: Fraction) -> str:
    if rate is None:
        return "not above the threshold"
    return "above the threshold" if rate > factor else "not above the threshold"


def _evidence(slo: SLO, reading: TierReading, state: AlertState | None) -> str:
    what, counts = evidence_of(slo, reading.long)
    limit = LIMITS[reading.tier.severity]
    if state is not None and state.phase is Phase.FIRING:
        return "evidence: it fires already, and needs none to stay"
    if not counts.total:
        return f"evidence: no {what}, none"
    chance = tail(counts.bad, counts.total, slo.objective.budget_share)
    verdict = "rules chance out" if chance < limit else "may be chance"
    return (
        f"evidence: P(at least {_n(counts.bad)} bad of {_n(counts.total)}, each with probability "
        f"{write.exact(slo.objective.budget_share)}) = {chance:.3g}, limit {limit:g}: {verdict}"
    )


# --- windows and their buckets -------------------------------------------------------------------


def _windows(slo: SLO, status: SLOStatus) -> list[tuple[str, timedelta | None]]:
    """Every window that a number of this page is counted over; None is the SLO's own, the first."""
    lengths = {format_duration(burn.lookback): burn.lookback for burn in status.burns}
    own = slo.window.label
    return [(own, None), *((name, length) for name, length in lengths.items() if name != own)]


def _window(
    status: SLOStatus, name: str, length: timedelta | None, base: timedelta, address: _Address
) -> WindowRow:
    found = _edges(status, length, base)
    window = _counts(status, length)
    return WindowRow(
        name=name,
        start=_stamp(found.start),
        end=_stamp(status.at),
        unit=format_duration(found.unit),
        good=_n(window.counts.good),
        bad=_n(window.counts.bad),
        unknown=_n(window.counts.unknown),
        observed=f"{_n(window.seen)} of {_n(window.due)}",
        url=address.window(name),
    )


def _counts(status: SLOStatus, length: timedelta | None) -> WindowCounts:
    burn = None if length is None else status.burn(length)
    return burn.window if burn is not None else status.window


def _edges(status: SLOStatus, length: timedelta | None, base: timedelta) -> Edges:
    window = status.slo.window if length is None else Rolling(length)
    return edges_of(window, status.at, int(base.total_seconds()))


def _check(status: SLOStatus, listing: Listing, total: BucketDelta) -> tuple[bool, str]:
    """Whether the list adds up to its number, and that in words."""
    counted = f"{_n(total.good)} good, {_n(total.bad)} bad, {_n(total.unknown)} unknown"
    if listing.name is None:
        return True, f"Together: {counted}."
    lengths = dict(_windows(status.slo, status))
    counts = _counts(status, lengths[listing.name]).counts
    if (counts.good, counts.bad, counts.unknown) == (total.good, total.bad, total.unknown):
        return True, f"It adds up to the unit: {counted}."
    return False, (
        f"The list holds {counted}, the number was made of {_n(counts.good)} good, "
        f"{_n(counts.bad)} bad, {_n(counts.unknown)} unknown: counts came in while this page was "
        "made. Load it again."
    )


def _listed(listing: Listing) -> str:
    # A lookback is a duration; a period of the calendar is named with its zone.
    own = listing.name and " " in listing.name
    what = f"The {listing.name}" if own else f"The last {listing.name}"
    what = what if listing.name else "This stretch"
    return (
        f"{what}: from {_stamp(listing.start)} up to {_stamp(listing.end)} UTC, "
        f"in steps of {format_duration(listing.width)}"
    )


def _row(one: BucketDelta, listing: Listing, base: timedelta, address: _Address) -> BucketRow:
    start = datetime.fromtimestamp(one.bucket, UTC)
    end = min(floor(start, listing.width) + listing.width, listing.end)
    return BucketRow(
        start=_stamp(start),
        end=_stamp(end),
        good=_n(one.good),
        bad=_n(one.bad),
        unknown=_n(one.unknown),
        seen=_n(one.seen),
        missed=_n(one.missed),
        url=address.stretch(start, end) if listing.width > base else None,
    )


def _sums(listing: Listing, total: BucketDelta) -> BucketRow:
    return BucketRow(
        start=_stamp(listing.start),
        end=_stamp(listing.end),
        good=_n(total.good),
        bad=_n(total.bad),
        unknown=_n(total.unknown),
        seen=_n(total.seen),
        missed=_n(total.missed),
        url=None,
    )


def _smeared(total: BucketDelta) -> str | None:
    if not (total.smeared_good or total.smeared_bad):
        return None
    return (
        f"Of these, {_n(total.smeared_good)} good and {_n(total.smeared_bad)} bad were counted "
        "over a gap and spread evenly over it: short windows of rules leave them out."
    )


def _n(number: int) -> str:
    return write.count(number)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a time such as 2026-11-21T14:00:00Z") from None
