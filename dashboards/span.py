"""The stretch of time that an SLO's charts show: a preset, or what somebody typed or dragged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import format as write
from dashboards import links
from dashboards.past import moment_query
from dashboards.slo_address import address
from dashboards.stretch import BUCKET, FIVE_MINUTES, Stretch, stretch, window_length
from slo.definition import SLO
from slo.relative import NOW
from slo.units import format_duration
from slo.window import Rolling

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "window": None,
    "previous": None,
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=400)
_DETAIL = timedelta(days=35)  # beyond this, counts are kept by five minutes


class SpanError(ValueError):
    """A stretch that cannot be shown: which `field` says so, and why in words."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end), as `since` and `until` write it: told from now where it moves on with it.

    `key` is the preset that it is, empty for another one.
    """

    key: str
    start: datetime
    end: datetime
    since: str
    until: str

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def moves(self) -> bool:
        """Does it end now, whenever that is?"""
        return self.until == NOW

    def grain(self, now: datetime) -> timedelta:
        """The finest step that the counts of this stretch are kept in."""
        return FIVE_MINUTES if now - self.start > _DETAIL else BUCKET

    def stretch(self, now: datetime) -> Stretch:
        """The same in the steps of a table."""
        return stretch(self.length, self.end, self.grain(now))

    def phrase(self, now: datetime) -> str:
        """Behind a chart's name."""
        if self.moves:
            return f"last {format_duration(self.length)}"
        return write.between(self.start, self.end, now)


def read_span(
    asked: Mapping[str, str], slo: SLO, now: datetime, read: Callable[[str, datetime], datetime]
) -> Span:
    """The stretch that an address asks for; `read` reads a moment. Raises SpanError."""
    since, until = (asked.get(key, "").strip() for key in ("from", "to"))
    if not since and not until:
        return preset(asked.get("range") or DEFAULT_RANGE, slo, now)
    if not since:
        raise SpanError("from", "where it begins is missing: write now-36h, or a time")
    start = _moment("from", since, now, read)
    end = min(_moment("to", until or NOW, now, read), now)
    if start > now:
        raise SpanError("from", f"{since[:40]!r} lies in the future")
    if start >= end:
        raise SpanError("to", "it ends before it begins" if start > end else "it has no length")
    if end - start < _SHORTEST:
        raise SpanError("to", f"it is shorter than {format_duration(_SHORTEST)}")
    if end - start > _LONGEST:
        raise SpanError("from", f"it is longer than {format_duration(_LONGEST)}")
    return Span("", start, end, _written(since, start), _written(until or NOW, end))


def _moment(
    field: str, text: str, now: datetime, read: Callable[[str, datetime], datetime]
) -> datetime:
    try:
        return read(text, now)
    except ValueError as error:
        raise SpanError(field, str(error)) from None


def _written(text: str, at: datetime) -> str:
    """A moment as it goes on to the charts: one told from now stays so."""
    return text if text.startswith(NOW) else moment_query(at)


def preset(key: str, slo: SLO, now: datetime) -> Span:
    """The stretch of this name. Raises SpanError."""
    if key not in RANGES:
        raise SpanError("", f"there is no range {key[:40]!r}: {', '.join(RANGES)} are")
    if key == "previous":
        return _previous(slo, now)
    length = RANGES[key] or window_length(slo, now)
    return Span(key, now - length, now, f"{NOW}-{format_duration(length)}", NOW)


def _previous(slo: SLO, now: datetime) -> Span:
    """The window before this one: of the calendar the period before."""
    if isinstance(slo.window, Rolling):
        length = slo.window.length
        since, until = (f"{NOW}-{format_duration(n * length)}" for n in (2, 1))
        return Span("previous", now - 2 * length, now - length, since, until)
    end = slo.window.start(now)
    start = slo.window.start(end - timedelta(seconds=1))
    return Span("previous", start, end, moment_query(start), moment_query(end))


# --- the time bar --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RangeLink:
    """A choice of what the charts show."""

    word: str
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class SpanView:
    """Presets, the fields, what is wrong with what was typed, and the link to this very stretch.

    `kept` is what else the address asks for; `wrong` names the field that is.
    """

    ranges: tuple[RangeLink, ...]
    since: str
    until: str
    page_url: str
    kept: tuple[tuple[str, str], ...]
    share_url: str
    shared: str
    problem: str | None
    wrong: str


def span_view(
    slo: SLO,
    span: Span,
    asked: Mapping[str, str],
    problem: SpanError | None,
    now: datetime,
) -> SpanView:
    """The bar over the charts; `asked` is what the address says, also where it makes no sense."""
    typed = problem is not None and problem.field
    return SpanView(
        ranges=tuple(
            RangeLink(
                _word(key, slo),
                address(
                    slo,
                    asked,
                    {"range": None if key == DEFAULT_RANGE else key, "from": None, "to": None},
                ),
                key == span.key and problem is None,
            )
            for key in RANGES
        ),
        since=asked.get("from", "")[:100] if typed else span.since,
        until=asked.get("to", "")[:100] if typed else span.until,
        page_url=links.slo_url(slo.id),
        kept=tuple((key, asked[key]) for key in ("rule", "runs") if asked.get(key)),
        share_url=address(
            slo,
            asked,
            {"range": None, "from": moment_query(span.start), "to": moment_query(span.end)},
        ),
        shared=write.between(span.start, span.end, now),
        problem=_sentence(problem, span, now) if problem else None,
        wrong=problem.field if problem else "",
    )


def _word(key: str, slo: SLO) -> str:
    if key == "window":
        return f"Window ({slo.window.label})"
    return "Window before" if key == "previous" else key


def _sentence(problem: SpanError, span: Span, now: datetime) -> str:
    return f"This stretch cannot be shown: {problem}. Below is the {span.phrase(now)}."
