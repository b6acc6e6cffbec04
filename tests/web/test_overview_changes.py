"""What the overview offers beside its rows: silences, changes, the next maintenance."""

import html
from datetime import timedelta

import httpx

from tests.web.fakes import NOW


async def test_each_row_that_needs_attention_leads_to_a_silence_of_it(
    client: httpx.AsyncClient,
) -> None:
    page = html.unescape((await client.get("/")).text)

    assert (
        'href="/silences?matchers=service%3D%22shop%22%2C+slo%3D%22checkout%22&duration=1h#silence"'
        in page
    )
    assert 'aria-label="Silence checkout of shop"' in page


async def test_the_overview_tells_what_changed_and_what_maintenance_comes(
    client: httpx.AsyncClient,
) -> None:
    before = (await client.get("/")).text
    start = NOW + timedelta(hours=2)
    body = {"service": "shop", "start": start.isoformat(), "duration": "1h",
            "reason": "a <disk>", "author": "ann"}  # fmt: skip
    made = await client.post("/api/v1/exclusions", json=body)
    after = (await client.get("/?anew=1")).text  # no page that was kept

    assert made.status_code == 201, made.text
    assert "No maintenance is planned." in before
    assert "Recent changes" in before
    assert "Maintenance: <a" in after
    assert "a &lt;disk&gt;" in after
    assert "Excluded: shop" in after
