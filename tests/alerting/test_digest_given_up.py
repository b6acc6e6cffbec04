"""A digest that cannot be told: each message in it goes the way that it would have gone alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from slo.severity import Severity
from tests.alerting.night import Night
from tests.alerting.scene import PAGE, TICKET
from tests.alerting.test_crash import Crash
from tests.alerting.test_digest import DOWN, many, stormy
from tests.fakes.clock import settle

PARKED = "the token was revoked"
REVOKED = DeliveryError(PARKED, outcome=AttemptOutcome.PERMANENT, status=401, parks=True)
REFUSED = DeliveryError("HTTP 400", outcome=AttemptOutcome.PERMANENT, status=400)
DAY = timedelta(days=1).total_seconds()
CALLS = 80  # more than the story below makes, as the last test proves


def waiting(night: Night, *chains: Sequence[str], severity: Severity = PAGE) -> list[Notification]:
    """As many messages as chains of fallbacks, all for `sre`, and too many for it."""
    rows = many(night, severity, len(chains))
    for row, chain in zip(rows, chains, strict=True):
        night.store.notifications[row.id] = replace(row, failover=tuple(chain))
    return rows


def end(night: Night, rows: Sequence[Notification]) -> None:
    """They end in their order, each with the fallbacks of its beginning."""
    for number, row in enumerate(rows):
        began = night.store.notifications[row.id]
        (over,) = night.ends(f"{row.severity}-{number}", row.severity).notifications
        night.store.notifications[over.id] = replace(over, failover=began.failover)
    night.delivery.notify()


def told(messages: Sequence[Message], kind: str) -> set[str]:
    """Of which incidents."""
    return {message.incident_id for message in messages if message.kind == kind}


async def test_at_a_dead_receiver_each_page_of_it_goes_to_the_fallback_and_so_its_end() -> None:
    night = stormy()
    rows = waiting(night, *[("oncall",)] * 5)
    night.sre.script = [REVOKED]
    async with night:
        await night.passes(60)
        end(night, rows)
        await night.passes(60)

    incidents = {row.incident_id for row in rows}
    assert Counter(night.oncall.kinds) == {"trigger": 5, "resolve": 5, "report": 1}
    assert told(night.oncall.accepted, "trigger") == incidents
    assert told(night.oncall.accepted, "resolve") == incidents
    assert night.oncall.accepted[1].what_changed.endswith(
        f"Sent to oncall instead of sre: sre is parked: {PARKED}."
    )
    assert len(night.sre.calls) == 1
    report = next(one for one in night.oncall.accepted if one.kind is NotificationKind.REPORT)
    assert report.title == "Nines cannot reach sre any more"
    assert report.story == ""  # which would be told in the place of its own words


async def test_each_takes_its_own_chain() -> None:
    night = stormy()
    rows = waiting(night, ("oncall",), ("mail",), ("oncall",), ("mail",), ("oncall",))
    night.sre.script = [DOWN] * 99
    async with night:
        await night.passes(60)
        end(night, rows)
        await night.passes(60)

    for receiver, its in ((night.oncall, rows[::2]), (night.mail, rows[1::2])):
        incidents = {row.incident_id for row in its}
        assert Counter(receiver.kinds) == dict.fromkeys(("trigger", "resolve"), len(its))
        assert told(receiver.accepted, "trigger") == incidents
        assert told(receiver.accepted, "resolve") == incidents


async def test_what_has_no_fallback_is_tried_on_by_itself() -> None:
    night = stormy()
    rows = waiting(night, (), ("oncall",), (), ("oncall",), ())
    night.sre.script = [DOWN] * 5
    async with night:
        await night.passes(1800)

    assert told(night.oncall.accepted, "trigger") == {row.incident_id for row in rows[1::2]}
    assert told(night.sre.accepted, "trigger") == {row.incident_id for row in rows[::2]}
    assert set(night.sre.kinds) == {"trigger"}


@pytest.mark.parametrize(
    ("script", "reports", "reason"),
    [
        ([REVOKED] * 999, 1, f"sre is parked: {PARKED}"),
        ([DOWN] * 9999, 0, "the last one: HTTP 503"),
    ],
    ids=["parked", "down"],
)
async def test_without_a_fallback_each_fails_visibly_in_the_end(
    script: list[DeliveryError], reports: int, reason: str
) -> None:
    night = stormy()
    rows = waiting(night, *[()] * 5)
    night.sre.script = list(script)
    async with night:
        await night.passes(DAY * 1.2)

    for row in rows:
        ended = night.store.notifications[row.id]
        assert ended.state is NotificationState.FAILED
        assert reason in ended.reason
    assert Counter(night.oncall.kinds) == ({"report": reports} if reports else {})
    assert night.mail.kinds == []


async def test_where_only_the_digest_is_refused_its_receiver_is_told_each_by_itself() -> None:
    night = stormy()
    rows = waiting(night, *[("oncall",)] * 5, severity=TICKET)
    night.sre.script = [REFUSED]
    async with night:
        await night.passes(60)

    assert night.sre.kinds == ["trigger"] * 5
    assert told(night.sre.accepted, "trigger") == {row.incident_id for row in rows}
    assert night.oncall.kinds == []
    texts = [event.text for event in night.store.events]
    assert sum("What it told goes by itself." in text for text in texts) == 5


async def test_a_receiver_that_is_gone_takes_no_digest_with_it() -> None:
    night = stormy()
    rows = waiting(night, *[("oncall",)] * 5)
    night.sre.script = [DOWN] * 2
    async with night:
        await night.passes(1)
        without = {name: one for name, one in night.receivers.items() if name != "sre"}
        await night.delivery.replace(without)
        await night.passes(60)

    assert told(night.oncall.accepted, "trigger") == {row.incident_id for row in rows}


async def story(night: Night, crash: Crash) -> None:
    """Pages at a dead receiver, put together and told elsewhere; and their ends."""

    async def go_on(seconds: float = 0) -> None:
        night.delivery.notify()
        await settle()
        await night.passes(seconds)
        if crash.dead:
            crash.dead = False
            await night.die()

    await go_on()
    rows = waiting(night, *[("oncall",)] * 4)
    night.sre.script = [REVOKED] * 9
    await go_on()
    await go_on(10)
    end(night, rows)
    await go_on()
    await go_on(10)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, CALLS + 1))
async def test_nothing_of_it_is_lost_when_the_process_dies(number: int, *, after: bool) -> None:
    night = stormy()
    crash = Crash(night, number, after=after)
    async with night:
        await story(night, crash)

    incidents = set(night.store.incidents)
    assert told(night.oncall.accepted, "trigger") == incidents
    assert told(night.oncall.accepted, "resolve") == incidents
    states = {row.state for row in night.store.notifications.values()}
    assert not states & {NotificationState.PENDING, NotificationState.DIGESTED}


async def test_the_crashes_above_cover_its_whole_story() -> None:
    night = stormy()
    crash = Crash(night, 0, after=False)
    async with night:
        await story(night, crash)
        calls = crash.calls

    assert "put_together" in calls
    assert len(calls) - calls[::-1].index("finish_attempt") <= CALLS
