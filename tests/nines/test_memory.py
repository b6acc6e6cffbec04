"""Moments in the past are counted again, and kept only for a little while."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dashboards.source import AsOf
from nines.memory import Memory
from nines.storage.database import Database
from nines.threads import StorageThreads
from slo.counts import Counts
from slo.objective import Objective
from tests.nines.test_past import HOUR, S, Stored
from tests.slo.builders import T0

AT = T0 + 5 * HOUR


@pytest.fixture
def stored(database: Database) -> Stored:
    stored = Stored(database)
    stored.book([(T0 + n * HOUR, 10, 1) for n in range(9)])
    return stored


@pytest.fixture
def memory(stored: Stored) -> Iterator[Memory]:
    threads = StorageThreads()
    yield Memory(stored.past, threads)
    threads.close()


async def ask(memory: Memory, stored: Stored, later: timedelta) -> AsOf:
    (answer,) = await memory.recall([stored.entry], AT, AT + HOUR + later)
    return answer


async def test_what_comes_late_is_told_after_a_little_while(memory: Memory, stored: Stored) -> None:
    first = await ask(memory, stored, 0 * S)
    stored.book([(T0 + HOUR, 0, 5)])

    soon, later = await ask(memory, stored, 10 * S), await ask(memory, stored, 20 * S)

    assert first.status.window.counts == soon.status.window.counts == Counts(50, 5)
    assert later.status.window.counts == Counts(50, 10)


async def test_a_moment_of_which_runs_may_still_be_under_way_is_not_kept(
    memory: Memory, stored: Stored
) -> None:
    (first,) = await memory.recall([stored.entry], AT, AT + 60 * S)
    stored.book([(AT - 10 * S, 1, 0)])

    (second,) = await memory.recall([stored.entry], AT, AT + 61 * S)

    assert second.status.window.counts.good == first.status.window.counts.good + 1


async def test_asked_for_alone_it_has_its_lifetime_though_a_list_was_kept_without(
    memory: Memory, stored: Stored
) -> None:
    twice = [stored.entry, stored.entry]
    listed = await memory.recall(twice, AT, AT + HOUR)

    alone = await ask(memory, stored, 1 * S)

    assert [one.status.lifetime for one in listed] == [Counts(), Counts()]
    assert alone.status.lifetime == Counts(50, 5)


async def test_each_variant_of_an_sli_is_told_by_its_own_promise(
    memory: Memory, stored: Stored
) -> None:
    stricter = replace(stored.entry.slo, objective=Objective(Decimal("0.99")), variant="99")
    entries = [stored.entry, replace(stored.entry, slo=stricter)]

    first, second = await memory.recall(entries, AT, AT + HOUR)

    assert (first.status.slo, second.status.slo) == (stored.entry.slo, stricter)
    assert first.status.window.counts == second.status.window.counts
