"""What an SLO was: its versions in the API and on its page, and the numbers by an older one."""

import re
from datetime import timedelta

import httpx
import pytest

from slo.versions import Definition
from tests.web.fakes import NOW, FakeSource
from tests.web.test_api import get, problem

SLO = "shop/checkout"
DAY = timedelta(days=1)
WRITTEN = '{{"objective":["{}"],"sli":{{"probe":"health"}},"window":["30d"]}}'


@pytest.fixture(autouse=True)
def edited(source: FakeSource) -> None:
    source.definitions[SLO] = (
        Definition(SLO, 1, WRITTEN.format("99.9%"), "mark", NOW - 9 * DAY),
        Definition(SLO, 2, WRITTEN.format("99.95%"), "mark", NOW - 2 * DAY),
        Definition(SLO, 3, WRITTEN.format("<99%>"), "other", NOW - DAY),
    )


async def test_versions_come_newest_first_with_what_changed(client: httpx.AsyncClient) -> None:
    third, second, first = (await get(client, f"/slos/{SLO}/versions"))["versions"]

    assert [one["version"] for one in (third, second, first)] == [3, 2, 1]
    assert (first["changes"], second["changes"]) == ([], ["objective 99.9% -> 99.95%"])
    assert (second["valid_from"], second["valid_until"]) == (
        first["valid_until"],
        third["valid_from"],
    )
    assert third["valid_until"] is None
    assert [one["counts_of"] for one in (third, second, first)] == [3, 1, 1]
    assert first["definition"] == {
        "objective": ["99.9%"],
        "sli": {"probe": "health"},
        "window": ["30d"],
    }


async def test_an_slo_that_is_not_there_has_no_versions(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "/slos/shop/nobody/versions"))["status"] == 404


async def test_the_status_says_which_version_is_in_force(client: httpx.AsyncClient) -> None:
    now = await get(client, f"/slos/{SLO}")
    then = await get(client, f"/slos/{SLO}", at="now-36h")
    before = await get(client, f"/slos/{SLO}", at="now-10d")

    assert (now["version"], then["version"], before["version"]) == (3, 2, None)


async def test_the_status_by_a_version(client: httpx.AsyncClient) -> None:
    assert (await get(client, f"/slos/{SLO}", version=3))["version"] == 3

    gone = await problem(client, f"/slos/{SLO}", version=1)
    unknown = await problem(client, f"/slos/{SLO}", version=4)
    zero = await problem(client, f"/slos/{SLO}", version=0)

    assert (gone["status"], gone["title"]) == (410, "Gone")
    assert "The counts of version 1 of shop/checkout are gone" in gone["detail"]
    assert (unknown["status"], zero["status"]) == (404, 400)


async def test_the_page_lists_versions_and_hands_edits_to_the_charts(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get(f"/slos/{SLO}")).text
    section = page[page.index('<h2 id="versions">') :]

    assert "objective 99.9% -&gt; 99.95%" in section
    assert "objective 99.95% -&gt; &lt;99%&gt;" in section
    assert "As it was first taken up" in section
    assert "the counts of version 1 go on" in section
    assert section.index("99.95% -&gt;") < section.index("99.9% -&gt;")
    edits = re.findall(r'data-edits="([^"]*)"', page)
    assert len(edits) == 4  # budget, burn rates, SLI and probes
    assert "Version 2" in edits[0]
    assert "Version 3" in edits[0]
    assert "Version 1&" not in edits[0]


async def test_the_page_of_the_past_shows_what_was_known_then(client: httpx.AsyncClient) -> None:
    page = (await client.get(f"/slos/{SLO}", params={"at": "now-36h"})).text

    assert "Version 2 was in force then." in page
    assert "&lt;99%&gt;" not in page


async def test_without_versions_there_is_no_section(client: httpx.AsyncClient) -> None:
    assert 'id="versions"' not in (await client.get("/slos/shop/login")).text
