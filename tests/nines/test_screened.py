"""The engine that asks only about suspects says what one that asks about everybody says."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerting.alert import AlertChange, AlertKind
from collectors.observation import Cause, Observation, Outcome
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.definition import SLO, EventsSLI, ProbeSLI
from slo.exposition import Page, Sample, Series
from slo.ledger import Ledger
from slo.screen import Part, Screen
from slo.selector import parse_selector
from tests.slo.builders import T0, an_slo
from tests.slo.test_digest import told

S = timedelta(seconds=1)
PAGED = 6
PROBED = 3


class EverybodyIsSuspect(Screen):
    """For comparison."""

    def suspects(self, now: datetime, awake_since: datetime, part: Part | None = None) -> list[int]:
        del now, awake_since
        pieces = (part or self._all).pieces
        return sorted(number for group, where, _ in pieces for number in group.indices[where])


class Twin:
    """The same SLOs under a screened engine and under one that is not."""

    def __init__(self) -> None:
        self.screened, self.plain = self._engine(), self._engine()
        self.plain._judging._screen.__class__ = EverybodyIsSuspect
        self.changes: list[AlertChange] = []
        self.digested = 0

    def _engine(self) -> Engine:
        engine = Engine(10, awake_since=T0)
        entries = [
            Entry(slo, Indicator(slo, number, "one", Ledger(10, slo.window.length)))
            for number, slo in enumerate(_slos())
        ]
        targets = {entry.slo.collector_id or "": Target(entry.slo.interval) for entry in entries}
        engine.watch(entries, targets)
        return engine

    def observe(self, observation: Observation, now: datetime) -> None:
        self._compare(self.screened.observe(observation, now), self.plain.observe(observation, now))

    def tick(self, now: datetime) -> None:
        self._compare(self.screened.tick(now), self.plain.tick(now))

    def _compare(self, screened: Sequence[AlertChange], plain: Sequence[AlertChange]) -> None:
        assert screened == plain
        self.changes += screened

    def compare_statuses(self) -> None:
        for slo_id, entry in self.screened.entries.items():
            assert entry.status == self.plain.entries[slo_id].status
        for sheet in self.screened.digests():
            for slo_id, digest in zip(sheet.ids, sheet.rows(), strict=True):
                status = self.plain.entries[slo_id].status
                assert status is not None
                assert digest == told(status)
                self.digested += 1
        assert self.screened.present_facts() == self.plain.present_facts()


def _slos() -> list[SLO]:
    pages = [
        replace(
            an_slo("99" if number % 2 else "99.9", interval=15 * S),
            name=f"requests-{number}",
            sli=EventsSLI(
                "page",
                (parse_selector(f'requests_total{{app="{number}"}}'),),
                (parse_selector(f'requests_total{{app="{number}",code=~"5.."}}'),),
                by=("code",) if number == 3 else (),
            ),
        )
        for number in range(PAGED)
    ]
    probes = [
        replace(an_slo(), name=f"probe-{number}", sli=ProbeSLI(f"probe-{number}"))
        for number in range(PROBED)
    ]
    return pages + probes


def _observation(collector: str, at: datetime, outcome: Outcome, page: Page | None) -> Observation:
    failed = outcome is Outcome.FAILED
    return Observation(
        collector_id=f"shop/{collector}",
        due=at,
        started=at,
        lateness=0 * S,
        duration=0.01 * S,
        outcome=outcome,
        cause=Cause.STATUS if failed else None,
        http_status=500 if failed else 200,
        page=page,
    )


class Shop:
    """Counters that a seed moves, with restarts and outages."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a repeatable night
        self.started = 1.0
        self.counts = {(app, code): 0 for app in range(PAGED) for code in ("200", "500")}
        self.ill: set[int] = set()
        self.down: set[str] = set()

    def pass_time(self) -> None:
        chance = self.chance
        if not chance.randrange(40):
            self.ill ^= {chance.randrange(PAGED)}
        if not chance.randrange(40):
            self.down ^= {f"probe-{chance.randrange(PROBED)}"}
        if not chance.randrange(150):
            self.started += 60.0
            self.counts = dict.fromkeys(self.counts, 0)
        for app in range(PAGED):
            total = chance.randrange(40) if app else 0
            bad = total // 2 if app in self.ill else int(not chance.randrange(100))
            self.counts[app, "200"] += max(total - bad, 0)
            self.counts[app, "500"] += bad

    def page(self) -> Page:
        return Page(
            {
                Series("requests_total", (("app", str(app)), ("code", code))): Sample(value)
                for (app, code), value in self.counts.items()
            },
            process_start=self.started,
        )


def test_a_night_of_outages_gaps_and_restarts_gives_the_same_changes_and_statuses() -> None:
    twin, shop = Twin(), Shop(5)
    now = T0
    for number in range(1_200):
        now += 10 * S if number % 211 else 400 * S
        shop.pass_time()
        twin.tick(now + timedelta(milliseconds=3 * (number % 2)))
        if number % 3 and number % 211 > 20:
            outcome = Outcome.PASSED if shop.chance.randrange(30) else Outcome.UNKNOWN
            page = shop.page() if outcome is Outcome.PASSED else None
            twin.observe(_observation("page", now + 2 * S, outcome, page), now + 3 * S)
        for probe in range(PROBED):
            outcome = Outcome.FAILED if f"probe-{probe}" in shop.down else Outcome.PASSED
            if number // 100 % 5 or probe:
                twin.observe(
                    _observation(f"probe-{probe}", now + 4 * S, outcome, None), now + 5 * S
                )
        if not number % 10:
            twin.compare_statuses()

    assert twin.digested > 50
    kinds = {(change.kind, change.firing) for change in twin.changes}
    assert kinds == {(kind, firing) for kind in (AlertKind.BURN, AlertKind.NO_DATA)
                     for firing in (True, False)}  # fmt: skip
    one, other = twin.screened.take_batch("one"), twin.plain.take_batch("one")
    assert one == other
