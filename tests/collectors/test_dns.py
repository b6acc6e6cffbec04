"""Ask a name server for records, over real sockets, and judge what it says."""

from collections.abc import Sequence
from datetime import timedelta

import dns.flags
import dns.message
import dns.rcode
import pytest
from pydantic import ValidationError

from collectors import dns as probe
from collectors.dns import DnsConfig, DnsProbe
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from slo.exposition import Series
from tests.collectors.wire import SHORT, TIMEOUT, look
from tests.fakes.names import Answer, names, refuses, says

SOA = "ns1.shop.example. ops.shop.example. 2026112601 7200 900 1209600 86400"


async def seen(answer: Answer, timeout: timedelta = TIMEOUT, **settings: object) -> Observation:
    async with names(answer) as (server,):
        raw = {"dns": "shop.example", "server": server, **settings}
        config = DnsConfig.model_validate(raw)
        means = Means(timedelta(seconds=10), timeout, Resolver())
        return await look(DnsProbe("shop/name", config, means))


async def test_records_that_are_as_expected_pass_and_are_counted() -> None:
    found = await seen(
        says("192.0.2.1", "192.0.2.2"), expect={"answers": ["192.0.2.2"], "at_least": 2}
    )

    assert (found.outcome, found.detail) == (Outcome.PASSED, "")
    assert found.page is not None
    assert found.page.samples[Series("dns_answers", ())].value == 2
    assert found.phases[Phase.PROCESSING] > timedelta(0)


async def test_the_serial_of_a_zone_can_be_read_and_judged() -> None:
    current = await seen(says(SOA), record="soa", expect={"serial_at_least": 2026112601})
    stale = await seen(says(SOA), record="SOA", expect={"serial_at_least": 2026112602})

    assert current.page is not None
    assert current.page.samples[Series("dns_serial", ())].value == 2026112601
    assert stale.detail == "the serial is 2026112601; expected at least 2026112602"


@pytest.mark.parametrize(
    ("answer", "record", "expect", "said"),
    [
        (refuses(dns.rcode.NXDOMAIN), "A", {}, "the answer is NXDOMAIN; expected NOERROR"),
        (refuses(dns.rcode.SERVFAIL), "A", {}, "the answer is SERVFAIL; expected NOERROR"),
        (says(), "A", {}, "expected at least 1 A records; what came is none"),
        (
            says("192.0.2.1"),
            "A",
            {"answers": ["192.0.2.9"]},
            "192.0.2.9 is not among the answers; what came is 192.0.2.1",
        ),
        (
            says('"v=spf1 -all"'),
            "TXT",
            {"regex": "include:"},
            'no answer matches include:; what came is "v=spf1 -all"',
        ),
    ],
)
async def test_what_is_not_as_expected_is_said(
    answer: Answer, record: str, expect: dict[str, object], said: str
) -> None:
    found = await seen(answer, record=record, expect=expect)

    assert (found.outcome, found.cause, found.phase) == (Outcome.FAILED, Cause.DNS, Phase.JUDGE)
    assert found.detail == said


async def test_a_name_that_must_not_exist_passes_where_it_does_not() -> None:
    found = await seen(refuses(dns.rcode.NXDOMAIN), expect={"rcode": "nxdomain"})

    assert found.outcome is Outcome.PASSED


async def test_a_lost_datagram_is_sent_again() -> None:
    asked: list[dns.message.Message] = []

    def second(query: dns.message.Message) -> dns.message.Message | None:
        asked.append(query)
        return None if len(asked) == 1 else says("192.0.2.1")(query)

    found = await seen(second, timedelta(seconds=0.6))

    assert (found.outcome, len(asked)) == (Outcome.PASSED, 2)


async def test_an_answer_to_another_question_is_none() -> None:
    def foreign(query: dns.message.Message) -> dns.message.Message | None:
        made = says("192.0.2.66")(query)
        assert made is not None
        made.id ^= 1
        return made

    found = await seen(foreign, SHORT)

    assert (found.outcome, found.cause) == (Outcome.FAILED, Cause.TIMEOUT)


async def test_a_server_that_is_silent_or_not_there_is_down() -> None:
    silent = await seen(lambda _: None, SHORT)
    assert (silent.outcome, silent.cause) == (Outcome.FAILED, Cause.TIMEOUT)

    config = DnsConfig.model_validate(
        {"dns": "shop.example", "server": "127.0.0.1:1", "transport": "tcp"}
    )
    means = Means(timedelta(seconds=10), TIMEOUT, Resolver())
    refused = await look(DnsProbe("shop/name", config, means))
    assert (refused.outcome, refused.phase) == (Outcome.FAILED, Phase.PROCESSING)


@pytest.mark.parametrize("own", [[], ["127.0.0.1"]], ids=["none", "dead"])
async def test_a_resolver_of_ours_that_does_not_answer_is_our_failure(
    own: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_own_servers", lambda: list(own))
    monkeypatch.setitem(probe._PORTS, "udp", 1)
    config = DnsConfig.model_validate({"dns": "shop.example"})
    means = Means(timedelta(seconds=10), SHORT, Resolver())

    found = await look(DnsProbe("shop/name", config, means))

    assert found.outcome is Outcome.UNKNOWN
    assert "no resolver of this machine answered" in found.detail


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dns": "a..b"}, "is no name that could be looked up"),
        ({"record": "AX"}, "is no type of record"),
        ({"expect": {"rcode": "FINE"}}, "is no answer's code"),
        ({"transport": "tls"}, "needs a `server`"),
        ({"server_name": "x"}, "of no use without transport: tls"),
        ({"server": "http://x/"}, "is no server"),
        ({"expect": {"serial_at_least": 1}}, "only a SOA record has a serial"),
    ],
)
def test_what_cannot_be_asked_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DnsConfig.model_validate({"dns": "shop.example", **settings})
