"""`POST /api/v1/events` over the application: what is answered to whom."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from slo.exposition import Series
from slo.key import KeyReusedError
from tests.web.fakes import FakeSource
from web.app import create_app
from web.events import NewEvents, UnwantedError
from web.senders import NotKeptError, RefusedSenderError
from web.settings import WebSettings

BODY = {"events": [{"metric": "orders_total", "labels": {"outcome": "done"}, "count": 3}]}


@dataclass
class Counter:
    """Counts by key, or raises."""

    ends: Exception | None = None
    taken: dict[str, tuple[str, list[NewEvents]]] = field(default_factory=dict)

    def admit(self, authorization: str | None) -> frozenset[str]:
        if authorization != "Bearer me":
            raise RefusedSenderError(401, "Not you.")
        return frozenset({"shop/orders"})

    async def count(
        self, events: Sequence[NewEvents], collectors: frozenset[str], *, key: str, digest: str
    ) -> bool:
        assert collectors == {"shop/orders"}
        if self.ends is not None:
            raise self.ends
        if key in self.taken:
            return False
        self.taken[key] = digest, list(events)
        return True


@asynccontextmanager
async def asking(counter: Counter) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(FakeSource(), settings=WebSettings(), events=counter)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": "Bearer me", "idempotency-key": "1"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:9919", headers=headers
    ) as client:
        yield client


async def test_events_are_counted_and_a_repetition_says_so() -> None:
    counter = Counter()
    async with asking(counter) as client:
        first = await client.post("/api/v1/events", json=BODY)
        again = await client.post("/api/v1/events", json=BODY)

    assert (first.status_code, first.headers.get("idempotency-replayed")) == (204, None)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (204, "true")
    (_, events) = counter.taken["1"]
    assert events == [NewEvents(Series("orders_total", (("outcome", "done"),)), 3)]


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [
        (UnwantedError("events.0", "nobody reads it"), 422, "body.events.0: nobody reads it."),
        (KeyReusedError(), 422, "header.Idempotency-Key: other events"),
        (NotKeptError("The disk is full."), 503, "The disk is full."),
    ],
)
async def test_what_is_not_counted_is_said_with_its_place(
    ends: Exception, status: int, said: str
) -> None:
    async with asking(Counter(ends)) as client:
        answer = await client.post("/api/v1/events", json=BODY)

    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"events": []}', "body.events"),
        (b'{"events": [{"metric": "a"}, {"metric": "b", "count": 0}]}', "body.events.1.count"),
        (b'{"events": [{"metric": "a", "count": 1.5}]}', "body.events.0.count"),
        (b'{"events": [{"metric": "a", "count": true}]}', "body.events.0.count"),
        (b'{"events": [{"metric": "a b"}]}', "body.events.0.metric"),
        (b'{"events": [{"metric": "a", "labels": {"x": 1}}]}', "body.events.0.labels.x"),
        (b'{"events": [{"metric": "a", "at": "now"}]}', "body.events.0.at"),
        (b"\xff\xfe", "body"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named_and_nothing_counts(
    body: bytes, place: str
) -> None:
    counter = Counter()
    async with asking(counter) as client:
        answer = await client.post("/api/v1/events", content=body)

    assert answer.status_code == 400
    assert place in [one["place"] for one in answer.json()["places"]]
    assert counter.taken == {}


@pytest.mark.parametrize("key", ["", " ", "k" * 201])
async def test_a_request_needs_a_name_of_its_own(key: str) -> None:
    async with asking(Counter()) as client:
        answer = await client.post("/api/v1/events", json=BODY, headers={"idempotency-key": key})

    assert answer.status_code == 400
    assert "header.Idempotency-Key" in answer.json()["detail"]


async def test_whoever_may_not_is_told_so_before_anything_is_read() -> None:
    async with asking(Counter()) as client:
        answer = await client.post(
            "/api/v1/events", content=b"garbage", headers={"authorization": "Bearer you"}
        )

    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
