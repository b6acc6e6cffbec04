"""Receivers of one destination share its rate and its pauses, and the most urgent goes first."""

import random
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from pydantic import BaseModel

from alerting.bucket import Rate
from alerting.delivery import Delivery
from alerting.notification import DeliveryError, Message
from alerting.pace import Pace
from alerting.receivers import RECEIVERS, destination_of
from alerting.routes import Route
from slo.selector import parse_matchers
from tests.alerting.night import Night
from tests.alerting.scene import INFO, PAGE, TICKET
from tests.fakes.clock import START

SECOND = timedelta(seconds=1)
A_SECOND = Rate(1, SECOND, burst=1)
TREE = Route(
    receivers=("mail",),
    routes=(
        Route(parse_matchers('severity="page"'), ("oncall",)),
        Route(parse_matchers('severity="ticket"'), ("sre",)),
    ),
)


class Shared(Night):
    """`oncall`, `sre` and `mail` lead to one destination, which takes one a second."""

    rates: Mapping[str, Rate] = dict.fromkeys(("oncall", "sre", "mail"), A_SECOND)
    shares: Mapping[str, str] = dict.fromkeys(("oncall", "sre", "mail"), "one")

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        super().__init__(TREE)
        for name, receiver in self.receivers.items():
            receiver.script = [partial(self._note, name)] * 9

    def _note(self, name: str, _: Message) -> None:
        self.sent.append(((self.clock.now() - START).total_seconds(), name))

    def _start(self) -> None:
        self.delivery = Delivery(
            self.store,
            self.run,
            self.receivers,
            self.clock,
            random.Random(7),  # noqa: S311 - jitter, no secret
            lambda *_: None,
            rates=self.rates,
            shares=self.shares,
            sleep=self.clock.sleep,
        )


async def test_receivers_of_one_destination_share_its_rate_and_pages_go_first() -> None:
    async with Shared() as night:
        for slo, severity in (("a", INFO), ("b", TICKET), ("c", PAGE)):
            night.keep(night.fires(slo, severity))
        await night.told(night.fires("d", TICKET))
        await night.passes(9)

        moments = [at for at, _ in night.sent]
        assert [name for _, name in night.sent] == ["oncall", "sre", "mail"]
        assert all(after - before >= 1 for before, after in pairwise(moments))


async def test_alone_each_has_its_own() -> None:
    class Apart(Shared):
        shares: Mapping[str, str] = {}

    async with Apart() as night:
        night.fires("a", TICKET)
        await night.told(night.fires("b", PAGE))

        assert sorted(name for _, name in night.sent) == ["oncall", "sre"]
        assert {at for at, _ in night.sent} == {0.0}


async def test_a_pause_that_one_is_asked_for_holds_for_all() -> None:
    async with Shared() as night:
        wait = DeliveryError("HTTP 429", status=429, retry_after=20 * SECOND)
        night.oncall.script = [wait, *night.oncall.script]
        await night.told(night.fires("a", PAGE))
        await night.passes(2)
        await night.told(night.fires("b", TICKET))
        await night.passes(15)
        assert night.sent == []

        await night.passes(10)
        assert [name for _, name in night.sent] == ["oncall", "sre"]


def test_the_slowest_of_the_rates_holds() -> None:
    pace, slow = Pace(), Rate(1, 5 * SECOND, burst=1)
    pace.use([A_SECOND, slow, A_SECOND])
    pace.sent(START)

    assert pace.free_at(START) == START + 5 * SECOND
    pace.use([])
    assert pace.free_at(START) == START


def test_what_was_taken_and_not_begun_counts_as_sent() -> None:
    pace = Pace()
    pace.use([Rate(60, timedelta(minutes=1), burst=2)])
    pace.begun = 2
    assert pace.free_at(START) == START + SECOND

    pace.begin()
    assert pace.free_at(START) == START


KEY, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32


def place(kind: str, **config: object) -> str:
    model: type[BaseModel] = RECEIVERS[kind].config
    return destination_of(kind, model.model_validate(config))


@pytest.mark.parametrize(
    ("kind", "one", "alike", "other"),
    [
        ("pagerduty", {"routing_key": KEY}, {"receipt_within": "10s"}, {"routing_key": OTHER}),
        ("slack", {"token": "xoxb-1", "channel": "#a"}, {}, {"channel": "#b"}),
        (
            "webhook",
            {"url": "https://a.example/x"},
            {"url": "https://a.example/y"},
            {"url": "https://b.example/x"},
        ),
        (
            "email",
            {"smtp": "smtp://a.example:25", "from": "n@a.example", "to": ["x@a.example"]},
            {"to": ["y@a.example"]},
            {"smtp": "smtp://b.example:25"},
        ),
    ],
    ids=["a key", "a channel", "a host", "a mail server"],
)
def test_what_is_one_destination(
    kind: str, one: dict[str, object], alike: dict[str, object], other: dict[str, object]
) -> None:
    assert place(kind, **one) == place(kind, **(one | alike))
    assert place(kind, **one) != place(kind, **(one | other))
    assert KEY not in place(kind, **one)
