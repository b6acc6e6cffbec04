"""The short way from page to page gives what the long one gives, state and increments alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.calm_state import CalmSeries
from slo.counter import advance
from slo.counter_memory import Memory, SeriesState
from slo.counter_state import TargetState
from slo.definition import CounterSLI, EventsSLI, HistogramSLI
from slo.exposition import Layout, Page, Sample, Samples, Series
from slo.increment import Counted, Increment
from slo.selector import parse_selector
from slo.threshold import Threshold

T0 = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
EVERY = timedelta(seconds=15)


def events(total: str, *, bad: str = "", good: str = "", by: tuple[str, ...] = ()) -> EventsSLI:
    return EventsSLI(
        "page",
        total=(parse_selector(total),),
        bad=(parse_selector(bad),) if bad else (),
        good=(parse_selector(good),) if good else (),
        by=by,
    )


LATENCY = HistogramSLI("page", (parse_selector("h"),), Threshold(Decimal("0.5"), "0.5"))
SLIS: Mapping[str, CounterSLI] = {
    "s/errors": events("asked", bad='asked{code=~"5.."}'),
    "s/by-code": events("asked", bad='asked{code=~"5.."}', by=("code",)),
    "s/good": events("asked", good='asked{code="200"}', by=("code",)),
    "s/in-flight": events("asked", bad="failed"),
    "s/idle": events("nobody", bad="failed"),
    "s/latency": LATENCY,
}
ASKED = tuple(Series("asked", (("code", code),)) for code in ("200", "404", "500", "503"))
FAILED = Series("failed", ())
BUCKETS = tuple(Series("h_bucket", (("le", edge),)) for edge in ("0.5", "1.0", "+Inf"))
EVERYTHING = (*ASKED, FAILED, *BUCKETS)


@dataclass
class Both:
    """One target read twice: its pages as columns of a layout, and as plain samples."""

    slis: Mapping[str, CounterSLI] = field(default_factory=lambda: SLIS)
    at: datetime = T0
    short: TargetState = field(default_factory=TargetState)
    long: TargetState = field(default_factory=TargetState)
    calm_pages: int = 0
    _layouts: dict[tuple[Series, ...], Layout] = field(default_factory=dict)

    def page(
        self,
        values: Mapping[Series, int | float],
        *,
        start: float | None = 1000.0,
        created: float | None = None,
        after: timedelta = EVERY,
    ) -> Mapping[str, Increment]:
        self.at += after
        order = tuple(values)
        layout = self._layouts.setdefault(order, Layout(order))
        began = None if created is None else [created] * len(order)
        columns = Samples(layout, list(values.values()), began)
        samples = {one: Sample(value, created) for one, value in values.items()}
        self.short, one = advance(self.short, Page(columns, start), self.at, self.slis, EVERY)
        self.long, other = advance(self.long, Page(samples, start), self.at, self.slis, EVERY)

        assert dict(one) == dict(other)
        assert self.short == self.long
        assert list(self.short.series) == list(self.long.series)
        assert TargetState.from_json(self.short.to_json()) == self.long
        self.calm_pages += isinstance(one, Counted)
        return one

    def settle(self, values: Mapping[Series, int | float], **told: float | None) -> None:
        """As many pages as it takes until nothing is to be feared."""
        for _ in range(7):
            self.page(values, start=told.get("start", 1000.0), created=told.get("created"))


def counts(*numbers: float) -> dict[Series, int | float]:
    return dict(zip(EVERYTHING, (*numbers, *(0,) * len(EVERYTHING)), strict=False))


def test_after_a_few_pages_of_one_process_the_short_way_is_taken() -> None:
    both = Both()
    both.settle(counts(100, 5, 2))

    increments = both.page(counts(190, 6, 5, 2, 1, 3, 4, 7))
    assert isinstance(increments, Counted)
    assert isinstance(both.short.series, CalmSeries)
    assert increments["s/errors"] == Increment(91, 5)
    assert increments["s/by-code"].by == {"code=500": 3, "code=503": 2}
    assert increments["s/latency"] == Increment(3, 4)
    assert increments["s/idle"] == Increment(data=False)


def test_columns_are_in_the_order_of_the_slos() -> None:
    both = Both()
    both.settle(counts(100))
    increments = both.page(counts(190, 0, 4))

    assert isinstance(increments, Counted)
    for number, slo in enumerate(increments.at):
        one = increments[slo]
        assert (increments.good[number], increments.bad[number]) == (one.good, one.bad)
        assert increments.data[number] == one.data
    assert set(increments.said) == {"s/by-code", "s/good"}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"values": counts(90)}, id="a value fell"),
        pytest.param({"values": counts(150.5)}, id="a fraction"),
        pytest.param({"values": counts(float("nan"))}, id="no number"),
        pytest.param({"values": counts(-1)}, id="below zero"),
        pytest.param({"values": counts(2**63)}, id="beyond a column"),
        pytest.param({"values": counts(2**41)}, id="more than can be"),
        pytest.param({"values": counts(150, 2**40 - 1, 2**40 - 1)}, id="more than can be in all"),
        pytest.param({"values": {FAILED: 0, **counts(150)}}, id="another order"),
        pytest.param({"values": dict.fromkeys(EVERYTHING[1:], 150)}, id="one vanished"),
        pytest.param({"values": {**counts(150), Series("asked", ()): 7}}, id="one is new"),
        pytest.param({"values": counts(150), "start": 2000.0}, id="a restart"),
        pytest.param({"values": counts(150), "start": 10.0}, id="another process"),
        pytest.param({"values": counts(150), "start": None}, id="no start"),
        pytest.param({"values": counts(150), "created": 5.0}, id="created"),
        pytest.param({"values": counts(150), "after": timedelta(minutes=3)}, id="a gap"),
    ],
)
def test_whatever_else_happened_goes_the_long_way(odd: dict[str, object]) -> None:
    both = Both()
    both.settle(counts(100))
    before = both.calm_pages
    both.page(**odd)  # type: ignore[arg-type]

    assert before
    assert both.calm_pages == before


def test_a_start_that_jitters_is_the_same_process() -> None:
    both = Both()
    both.settle(counts(100))

    assert isinstance(both.page(counts(150), start=1000.4), Counted)
    assert both.short.process_start == 1000.4


def test_counts_up_to_the_last_bit_of_a_column_stay_exact() -> None:
    both = Both()
    both.settle(counts(2**63 - 3))

    increments = both.page(counts(2**63 - 1))
    assert isinstance(increments, Counted)
    assert increments["s/errors"].good == 2


def test_a_series_that_came_back_as_no_number_is_still_gone() -> None:
    both = Both()
    both.settle(counts(100, 3))
    both.settle({one: value for one, value in counts(100).items() if one is not ASKED[1]})
    both.settle(counts(100, float("nan")))

    assert not isinstance(both.page(counts(100, 7)), Counted)


def test_an_sli_that_is_no_difference_is_counted_the_long_way_beside_the_others() -> None:
    edges = (Series("h_bucket", (("le", "1.0"),)), Series("h_bucket", (("le", "+Inf"),)))
    both = Both()
    values: dict[Series, int | float] = {ASKED[0]: 5, edges[0]: 1, edges[1]: 2}
    both.settle(values)

    increments = both.page({**values, ASKED[0]: 8})
    assert isinstance(increments, Counted)
    assert increments["s/errors"].good == 3
    assert "0.5 is not an edge" in increments["s/latency"].missing


def test_slis_that_changed_are_counted_anew() -> None:
    both = Both()
    both.settle(counts(100))
    both.slis = {slo: sli for slo, sli in SLIS.items() if slo != "s/idle"}

    assert not isinstance(both.page(counts(120)), Counted)
    assert isinstance(both.page(counts(130)), Counted)


def test_the_pace_of_an_hour_is_remembered_by_columns_too() -> None:
    both, value = Both(), 0
    for minute in range(140):
        value += 10 if minute < 70 else 1
        both.page(counts(value), after=timedelta(seconds=37))

    assert both.calm_pages > 120
    assert len(both.short.memories["s/errors"].minutes) > 50


def test_a_state_that_an_older_version_stored_is_read() -> None:
    text = (
        '{"at":"2026-03-01T12:00:30+00:00","process_start":12.5,"starts":[1.0,12.5],'
        '"selectors":["asked"],"series":[["asked",[["code","200"]],1180591620717411303424,1.5,'
        'true,3,0.5]],"memories":{"s/a":["[\'asked\'] [] True","2026-03-01T12:00:30+00:00",7,'
        '[[29412345,4]],[["2026-03-01T12:00:30+00:00",2]],"1/3","0"]},"flips":2,"calm":1,'
        '"forgot":true}'
    )
    state = TargetState.from_json(text)

    assert state.series == {ASKED[0]: SeriesState(2**70, 1.5, True, 3, 0.5)}
    assert state.memories["s/a"] == Memory(
        "['asked'] [] True", T0, 7, ((29412345, 4),), ((T0, 2),), Fraction(1, 3)
    )
    assert TargetState.from_json(state.to_json()) == state


def test_a_stored_state_names_its_series_once_and_is_read_back_equal() -> None:
    both = Both()
    both.settle(counts(100))
    both.page(counts(150, 0, 0, 0, 200))  # more failed than was asked: some wait

    text = both.short.to_json()
    assert text.count('"503"') == 1
    assert both.short.memories["s/in-flight"].carry
    assert TargetState.from_json(text) == both.short


steps = st.one_of(
    st.tuples(st.just("count"), st.integers(0, len(EVERYTHING) - 1), st.integers(0, 50)),
    st.tuples(st.just("count"), st.integers(0, len(EVERYTHING) - 1), st.integers(0, 50)),
    st.tuples(st.just("page"), st.just(0), st.just(0)),
    st.tuples(st.just("page"), st.just(0), st.just(0)),
    st.tuples(st.just("page"), st.just(0), st.just(0)),
    st.tuples(
        st.sampled_from([
            "restart", "other", "fall", "vanish", "come", "nan", "float", "huge", "gap", "swap",
            "created", "edit", "reload", "jitter",
        ]),
        st.integers(0, len(EVERYTHING) - 1),
        st.integers(0, 3),
    ),
)  # fmt: skip


@dataclass
class Script:
    """A target's life, step by step, read both ways."""

    tells_start: bool
    both: Both = field(default_factory=Both)
    start: float = 1000.0
    created: float | None = None
    after: timedelta = EVERY
    values: dict[Series, int | float] = field(
        default_factory=lambda: counts(9, 9, 9, 9, 3, 2, 4, 6)
    )

    def page(self) -> None:
        start = self.start if self.tells_start else None
        self.both.page(self.values, start=start, created=self.created, after=self.after)
        self.after = EVERY

    def do(self, what: str, number: int, amount: int) -> None:
        series = EVERYTHING[number]
        match what:
            case "page":
                self.page()
            case "count" | "float" | "huge":
                grown = {"count": amount, "float": amount + 0.25, "huge": 2**62 * amount}[what]
                self.values[series] = self.values.get(series, 0) + grown
            case "fall":
                self.values[series] = amount
            case "vanish":
                self.values.pop(series, None)
            case "come":
                self.values.setdefault(series, amount)
            case "nan":
                self.values[series] = float("nan") if amount else 7
            case "swap":
                self.values = dict(reversed(self.values.items()))
            case "gap":
                self.after = EVERY * (1 + amount)
            case _:
                self.meet(what, amount)

    def meet(self, what: str, amount: int) -> None:
        """What happens to the process, or to us."""
        match what:
            case "restart":
                self.start += 100
                self.values = dict.fromkeys(self.values, amount)
            case "other":
                self.start -= 50
            case "jitter":
                self.start += amount / 10
            case "created":
                self.created = None if amount == 0 else 500.0 + amount
            case "edit":
                self.both.slis = dict(list(SLIS.items())[amount:])
            case "reload":
                self.both.short = TargetState.from_json(self.both.short.to_json())


@given(st.booleans(), st.lists(st.tuples(steps, st.integers(0, 9)), max_size=25))
@settings(max_examples=400, deadline=None)
def test_whatever_happens_both_ways_agree(
    tells_start: bool, life: Sequence[tuple[tuple[str, int, int], int]]
) -> None:
    script = Script(tells_start)
    for _ in range(7):
        script.page()
    for (what, number, amount), calm in life:
        script.do(what, number, amount)
        for _ in range(calm):
            script.do("count", number, amount)
            script.page()

    assert script.both.calm_pages
