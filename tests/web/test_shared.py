"""A page that many ask for at once is made once; a fault is everybody's, and is not kept."""

import asyncio

import pytest
from fastapi.responses import HTMLResponse

from web.shared import Shared


class Maker:
    """Makes numbered pages, once it may."""

    def __init__(self) -> None:
        self.made = 0
        self.may = asyncio.Event()
        self.fault: Exception | None = None

    async def __call__(self) -> HTMLResponse:
        self.made += 1
        number = self.made
        await self.may.wait()
        if self.fault is not None:
            raise self.fault
        return HTMLResponse(f"page {number}", 201)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_those_who_ask_meanwhile_get_the_same_page() -> None:
    shared, make = Shared(Time()), Maker()
    asked = [asyncio.ensure_future(shared.page("key", make)) for _ in range(5)]
    await asyncio.sleep(0)
    make.may.set()

    pages = await asyncio.gather(*asked)

    assert make.made == 1
    assert {(bytes(page.body), page.status_code) for page in pages} == {(b"page 1", 201)}
    assert len(set(map(id, pages))) == 5  # answers are written to: each has one of its own


async def test_another_key_or_a_second_later_is_another_page() -> None:
    time, make = Time(), Maker()
    shared = Shared(time)
    make.may.set()

    bodies = [bytes((await shared.page(key, make)).body) for key in ("one", "other", "one")]
    time.now = 0.999
    bodies.append(bytes((await shared.page("one", make)).body))
    time.now = 1.0
    bodies.append(bytes((await shared.page("one", make)).body))

    assert bodies == [b"page 1", b"page 2", b"page 1", b"page 1", b"page 3"]


async def test_a_fault_is_raised_to_all_who_wait_and_the_next_one_tries_again() -> None:
    shared, make = Shared(Time()), Maker()
    make.fault = RuntimeError("no database")
    make.may.set()
    asked = [asyncio.ensure_future(shared.page("key", make)) for _ in range(3)]

    found = await asyncio.gather(*asked, return_exceptions=True)
    make.fault = None

    assert [str(one) for one in found] == ["no database"] * 3
    assert bytes((await shared.page("key", make)).body) == b"page 2"


async def test_one_who_goes_away_takes_the_page_from_nobody() -> None:
    shared, make = Shared(Time()), Maker()
    first = asyncio.ensure_future(shared.page("key", make))
    second = asyncio.ensure_future(shared.page("key", make))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    make.may.set()

    assert bytes((await second).body) == b"page 1"
    assert first.cancelled()


@pytest.mark.parametrize("number", [1_000])
async def test_what_is_kept_is_bounded(number: int) -> None:
    time, make = Time(), Maker()
    shared = Shared(time)
    make.may.set()
    for key in range(number):
        await shared.page(key, make)
    assert make.made == number

    before = make.made
    await shared.page(number - 1, make)
    assert make.made == before + 1  # there was no room to keep it
    time.now = 5.0
    await shared.page("new", make)
    await shared.page("new", make)
    assert make.made == before + 2
