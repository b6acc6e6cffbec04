"""Alert changes become stored decisions: each once, in their order, none lost."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerting.alert import AlertChange, AlertKind
from alerting.context import Context
from alerting.first_try import Offer
from alerting.incident import Incident
from alerting.inhibition import Inhibition
from alerting.routes import Escalation, Route, Terms
from alerting.rules import Rules
from alerting.store import Decision, IncidentFile
from nines import dispatch
from nines.changes import Broadcast
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from nines.storage.errors import StorageError
from nines.target import Target
from nines.threads import StorageThreads
from slo.alert_state import AlertState, Phase
from slo.ledger import BucketDelta, Ledger
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.nines.living import STEP, a_look
from tests.nines.storage.builders import FACTS
from tests.slo.builders import T0, an_slo

RULE = "shop/availability#page:1h:5m"


def a_change(name: str, **changes: object) -> AlertChange:
    change = AlertChange(
        rule=f"shop/{name}#page:1h:5m",
        service="shop",
        slo=name,
        kind=AlertKind.BURN,
        severity=Severity.PAGE,
        firing=True,
        at=T0,
        facts=FACTS,
    )
    return replace(change, **changes)  # type: ignore[arg-type]


class Nobody:
    """Calls nobody at once."""

    def offer(self) -> Offer:
        return Offer("nobody")

    def begin(self, offer: Offer, begun: object) -> None:
        assert (offer.receivers, begun) in (((), ()), ((), []))


@dataclass
class Scene:
    """A dispatch over a real database, whose writing thread the test can hold up."""

    dispatch: Dispatch
    engine: Engine
    records: AlertRecords
    threads: StorageThreads
    context: Context
    held: threading.Event = field(default_factory=threading.Event)
    at_write: dict[int, AlertChange] = field(default_factory=dict)  # comes with the n-th write
    writes: int = 0

    def wrote(self) -> None:
        self.writes += 1
        if self.writes in self.at_write:
            self.dispatch.submit([self.at_write[self.writes]])

    def hold_writes(self) -> asyncio.Task[bool]:
        return asyncio.create_task(self.threads.write(lambda: self.held.wait(10)))

    def firing(self) -> list[str]:
        return sorted(
            alert.slo for f in self.records.open_incidents() for alert in f.alerts if alert.firing
        )

    def incidents(self) -> tuple[Incident, ...]:
        return self.records.incidents().incidents


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    threads = StorageThreads()
    numbers = itertools.count(1)
    slo, counts = an_slo(), CountStore(database)
    number = counts.register(slo.id, "fingerprint", T0).series_id
    engine = Engine(10, awake_since=T0)
    engine.watch(
        [Entry(slo, Indicator(slo, number, "fingerprint", Ledger(10, slo.window.length)))],
        {"shop/health": Target(slo.interval)},
    )
    records = AlertRecords(database)
    context = Context(
        now=T0,
        new_id=lambda: f"id-{next(numbers):04}",
        tree=Route(receivers=("oncall",)),
        services={},
        external_url="http://nines.example",
    )
    dispatch = Dispatch(
        engine=engine,
        records=records,
        counts=counts,
        threads=threads,
        context=lambda: built.context,
        decided=lambda: built.wrote(),
        tries=lambda: Nobody(),
        restored=lambda: None,
        broadcast=Broadcast(),
        new_id=context.new_id,
    )
    built = Scene(dispatch, engine, records, threads, context)
    yield built
    threads.close()
    database.close()


async def test_two_who_settle_at_once_lose_nothing_that_comes_in_between(scene: Scene) -> None:
    scene.at_write[2] = a_change("third")
    held = scene.hold_writes()
    scene.dispatch.submit([a_change("first")])
    one = asyncio.create_task(scene.dispatch.settle())
    await asyncio.sleep(0)
    scene.dispatch.submit([a_change("second")])
    other = asyncio.create_task(scene.dispatch.settle())
    await asyncio.sleep(0)

    scene.held.set()
    await asyncio.gather(held, one, other)
    await scene.dispatch.settle()

    assert scene.firing() == ["first", "second", "third"]


async def test_two_who_settle_at_once_decide_once(scene: Scene) -> None:
    held = scene.hold_writes()
    scene.dispatch.submit([a_change("brief"), a_change("brief", firing=False)])

    settling = [asyncio.create_task(scene.dispatch.settle()) for _ in range(2)]
    await asyncio.sleep(0)
    scene.held.set()
    await asyncio.gather(held, *settling)

    assert len(scene.incidents()) == 1


async def test_an_alert_without_a_rule_ends(scene: Scene) -> None:
    scene.dispatch.submit([a_change("removed")])

    scene.dispatch.reconcile(Rules({RULE}))
    await scene.dispatch.settle()

    assert scene.firing() == []


async def test_a_rule_that_left_the_configuration_is_at_rest_when_it_comes_back(
    scene: Scene,
) -> None:
    (entry,) = scene.engine.entries.values()
    entry.states[RULE.partition("#")[2]] = AlertState(Phase.FIRING, since=T0)
    scene.dispatch.submit([a_change("availability")])
    await scene.dispatch.settle()
    stored = scene.records.alert_states()

    scene.dispatch.reconcile(Rules(frozenset()))
    await scene.dispatch.settle()

    assert stored[RULE].phase is Phase.FIRING
    assert scene.records.alert_states() == {}


async def test_changes_are_decided_before_the_rules_that_they_came_from_are_gone(
    scene: Scene,
) -> None:
    scene.dispatch.reconcile(Rules(frozenset()))
    scene.dispatch.submit([a_change("removed", at=T0 + timedelta(seconds=1))])

    await scene.dispatch.settle()

    assert scene.firing() == []


async def test_a_review_says_what_time_alone_makes_due(scene: Scene) -> None:
    terms = Terms(escalate=(Escalation(timedelta(minutes=15), ("boss",)),))
    scene.context = replace(scene.context, tree=Route(receivers=("oncall",), terms=terms))
    scene.dispatch.submit([a_change("first")])
    await scene.dispatch.settle()
    await scene.dispatch.review()
    assert scene.dispatch.next_review == T0 + timedelta(minutes=15)
    before = scene.writes

    await scene.dispatch.review()
    assert scene.writes == before  # nothing to say, so nothing is written

    scene.context = replace(scene.context, now=T0 + timedelta(minutes=15))
    await scene.dispatch.review()

    (incident,) = scene.incidents()
    detail = scene.records.incident_detail(incident.id)
    assert detail is not None
    assert [one.receiver for one in detail.notifications] == ["oncall", "boss"]
    assert scene.dispatch.next_review is None


async def test_what_fires_in_one_service_holds_back_another_in_the_same_batch_and_later(
    scene: Scene,
) -> None:
    rule = Inhibition("rule", parse_matchers('service="db"'), parse_matchers('service!="db"'), ())
    scene.context = replace(scene.context, inhibitions=(rule,))
    source = replace(a_change("up"), service="db", rule="db/up#page:1h:5m")
    scene.dispatch.submit([a_change("first"), source])
    await scene.dispatch.settle()
    await scene.dispatch.review()
    assert told(scene) == ["db"]

    scene.dispatch.submit([replace(source, firing=False)])
    await scene.dispatch.settle()
    await scene.dispatch.review()

    assert sorted(told(scene)) == ["db", "db", "shop"]


async def test_storing_counts_hides_no_decision_that_still_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, locked, refused = scene.records.apply, [True], threading.Event()

    def refuse(decision: Decision, states: Mapping[str, AlertState], batch: CountBatch) -> None:
        if locked:
            refused.set()
            raise StorageError("The database is locked.")
        apply(decision, states, batch)

    monkeypatch.setattr(scene.records, "apply", refuse)
    monkeypatch.setattr(dispatch, "_RETRY_SECONDS", (0.0,))
    scene.dispatch.submit([a_change("first")])
    with capture_logs() as logged:
        settling = asyncio.create_task(scene.dispatch.settle())
        await asyncio.to_thread(refused.wait, 10)
        said = set()
        for number in range(5):
            at = T0 + number * STEP
            scene.engine.observe(a_look("shop/health", at, bad=False), at)
            assert await scene.dispatch.flush()
            said.add(scene.dispatch.problem)
        locked.clear()
        await settling

    assert said == {"Storing failed, counts and alerts wait in memory: The database is locked."}
    assert scene.dispatch.problem is None
    assert [one["event"] for one in logged if one["event"].startswith("storage")] == [
        "storage_refused",
        "storage_recovered",
    ]


async def test_a_moment_that_comes_up_while_it_looks_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = Terms(group_wait=timedelta(minutes=1))
    scene.context = replace(scene.context, tree=Route(receivers=("oncall",), terms=terms))
    look, looked, go_on = scene.records.open_incidents, threading.Event(), threading.Event()

    def slowly() -> Sequence[IncidentFile]:
        found = look()
        looked.set()
        go_on.wait(10)
        return found

    monkeypatch.setattr(scene.records, "open_incidents", slowly)
    reviewing = asyncio.create_task(scene.dispatch.review())
    await asyncio.to_thread(looked.wait, 10)
    scene.dispatch.submit([a_change("first", severity=Severity.TICKET)])
    await scene.dispatch.settle()
    go_on.set()
    await reviewing

    assert scene.dispatch.next_review == T0 + timedelta(minutes=1)


def told(scene: Scene) -> list[str]:
    """The services of which something was decided to be sent."""
    details = [scene.records.incident_detail(one.id) for one in scene.incidents()]
    return [d.incident.service for d in details if d is not None for _ in d.notifications]


async def test_of_what_is_open_only_what_is_due_is_looked_at_between_the_edges(
    scene: Scene,
) -> None:
    escalating = Route(
        receivers=("oncall",), terms=Terms(escalate=(Escalation(timedelta(minutes=5), ("lead",)),))
    )
    scene.context = replace(scene.context, tree=escalating)
    for minute, service in enumerate(("first", "second")):
        scene.context = replace(scene.context, now=T0 + timedelta(minutes=minute))
        change = a_change("up", service=service, rule=f"{service}/up#page", at=scene.context.now)
        scene.dispatch.submit([change])
        await scene.dispatch.settle()
    await scene.dispatch.review()
    assert scene.dispatch.next_review == T0 + timedelta(minutes=5)
    read: list[list[str]] = []
    inner = scene.records.incident_files

    def files(ids: Collection[str]) -> list[IncidentFile]:
        found = inner(ids)
        read.append([file.incident.service for file in found])
        return found

    scene.records.incident_files = files  # type: ignore[method-assign]

    scene.context = replace(scene.context, now=T0 + timedelta(minutes=5))
    await scene.dispatch.review(due=True)

    assert read == [["first"]]
    assert scene.dispatch.next_review == T0 + timedelta(minutes=6)
    told = [row.receiver for row in scene.records.due_notifications(T0 + timedelta(hours=1))]
    assert told.count("lead") == 1


async def test_storage_is_asked_about_no_service_of_which_nothing_is_open(scene: Scene) -> None:
    asked: list[set[str]] = []
    inner = scene.records.open_incidents_of

    def of(services: Collection[str]) -> dict[str, list[IncidentFile]]:
        asked.append(set(services))
        return inner(services)

    scene.records.open_incidents_of = of  # type: ignore[method-assign]
    for service in ("first", "second"):
        scene.dispatch.submit([a_change("up", service=service, rule=f"{service}/up#page")])
        await scene.dispatch.settle()
    assert asked == []

    scene.dispatch.submit([a_change("slow", service="first", rule="first/slow#page")])
    await scene.dispatch.settle()
    assert asked == [{"first"}]
    assert len(scene.incidents()) == 2


async def test_after_a_commit_whose_answer_was_lost_storage_says_what_is_open(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.dispatch.settle()
    apply = scene.records.apply

    def lost(*args: Any) -> None:  # noqa: ANN401 - as it takes them
        apply(*args)
        monkeypatch.setattr(scene.records, "apply", apply)
        raise StorageError("The connection broke.")

    monkeypatch.setattr(scene.records, "apply", lost)
    monkeypatch.setattr("nines.dispatch._RETRY_SECONDS", (0.0,))
    scene.dispatch.submit([a_change("up", service="first", rule="first/up#page")])
    await scene.dispatch.settle()

    assert [one.service for one in scene.incidents()] == ["first"]


async def test_what_fires_elsewhere_is_read_once_and_then_known(scene: Scene) -> None:
    scene.context = replace(
        scene.context,
        inhibitions=(
            Inhibition(
                "first", parse_matchers('service="first"'), parse_matchers('service="second"')
            ),
        ),
    )
    reads: list[int] = []
    inner = scene.records.open_incidents

    def read(service: str | None = None) -> list[IncidentFile]:
        found = inner(service)
        reads.append(len(found))
        return found

    scene.records.open_incidents = read  # type: ignore[method-assign]
    for firing in (True, False):
        for service in ("first", "second"):
            change = a_change("up", service=service, rule=f"{service}/up#page", firing=firing)
            scene.dispatch.submit([change])
            await scene.dispatch.settle()
    scene.dispatch.submit([a_change("up", service="second", rule="second/up#page")])
    await scene.dispatch.settle()

    assert reads == [0]
    assert told(scene).count("second") == 1  # held back while the first fired, and then no longer


async def test_counts_that_no_database_takes_hold_up_neither_alerts_nor_later_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_RETRY_SECONDS", (0.0,))
    take = scene.engine.take_batch

    def with_a_stranger(batch_id: str) -> CountBatch | None:
        monkeypatch.setattr(scene.engine, "take_batch", take)
        stranger = {999_999: [BucketDelta(0, good=1)]}
        return CountBatch(deltas=stranger, id=batch_id)

    monkeypatch.setattr(scene.engine, "take_batch", with_a_stranger)
    scene.dispatch.submit([a_change("first")])
    with capture_logs() as logged:
        await scene.dispatch.settle()
        scene.engine.observe(a_look("shop/health", T0, bad=False), T0)

        assert await scene.dispatch.flush()

    assert scene.firing() == ["first"]
    assert scene.dispatch.set_aside == 1
    assert scene.dispatch.problem is None
    aside = [one for one in logged if one["event"] == "counts_set_aside"]
    assert "999999" in aside[0]["part"]
    assert "never registered" in aside[0]["why"]
