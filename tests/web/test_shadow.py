"""An SLO in shadow says so, and what it would have told: page, API and /metrics."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from alerting.shadow import ShadowSummary
from dashboards.shadow import shadow_sentence
from tests.web.fakes import NOW, FakeSource
from tests.web.test_api import get
from tests.web.test_exporter import samples_of, value

SLO = "shop/checkout"
ALL_WORDS = (
    "In shadow: would have paged 3 times, opened 2 incidents without a page and sent 1 budget "
    "notice in 30 days, last 2 h ago. Nobody is told. It would be telling now."
)
SUMMARY = ShadowSummary(5, 3, 1, NOW - timedelta(hours=2), firing=True)


@pytest.fixture
def hidden(source: FakeSource) -> None:
    source.shadows[SLO] = SUMMARY
    source.statuses_ = tuple(
        replace(one, slo=replace(one.slo, shadow=True)) if one.slo.id == SLO else one
        for one in source.statuses_
    )


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (
            SUMMARY,
            ALL_WORDS,
        ),
        (
            ShadowSummary(1, 1, 0, NOW - timedelta(days=3)),
            "In shadow: would have paged once in 30 days, last 3 d ago. Nobody is told.",
        ),
        (
            ShadowSummary(),
            "In shadow: nobody is told, and there was nothing to tell in 30 days.",
        ),
    ],
)
def test_the_sentence(summary: ShadowSummary, words: str) -> None:
    assert shadow_sentence(summary, NOW).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.usefixtures("hidden")
async def test_the_page_says_what_would_have_been_told(client: httpx.AsyncClient) -> None:
    page = (await client.get(f"/slos/{SLO}")).text
    other = (await client.get("/slos/shop/login")).text
    past = (await client.get(f"/slos/{SLO}", params={"at": "now-1h"})).text

    assert "In shadow: would have paged 3 times" in page
    assert "In shadow" not in other
    assert "In shadow" not in past


@pytest.mark.usefixtures("hidden")
async def test_the_api_has_it_as_numbers(client: httpx.AsyncClient) -> None:
    assert (await get(client, f"/slos/{SLO}"))["shadow"] == {
        "incidents": 5,
        "pages": 3,
        "notices": 1,
        "last": (NOW - timedelta(hours=2)).isoformat().replace("+00:00", "Z"),
        "firing": True,
    }
    assert (await get(client, "/slos/shop/login"))["shadow"] is None


@pytest.mark.usefixtures("hidden")
async def test_the_exporter_counts_incidents_that_nobody_was_told_of(
    client: httpx.AsyncClient,
) -> None:
    samples = samples_of((await client.get("/metrics")).text)

    name = "slo_shadow_incidents"
    assert value(samples, name, slo="checkout", paged="true") == 3
    assert value(samples, name, slo="checkout", paged="false") == 2
    assert value(samples, name, slo="login", paged="true") is None


async def test_a_threshold_in_shadow_says_so_on_its_service_s_page(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    first, *others = source.rules_
    hidden = replace(first, rule=replace(first.rule, shadow=True))
    source.rules_ = (hidden, *others)
    source.shadows[hidden.rule.id] = ShadowSummary(2, 0, 0, NOW - timedelta(hours=2))

    page = (await client.get(f"/services/{hidden.rule.service}")).text

    assert page.count("In shadow: would have opened 2 incidents without a page") == 1
