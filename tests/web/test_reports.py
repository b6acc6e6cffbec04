"""Reports tell what a period came to, with the numbers that the API tells of the same stretch."""

import asyncio
import csv
import dataclasses
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import TypeAdapter
from pypdf import PdfReader

from alerting.incident import Incident
from alerting.incident_times import IncidentTimes
from dashboards.report_facts import ReportFacts, ReportList
from tests.web.fakes import NOW, FakeSource
from web.app import create_app
from web.problem import ProblemError
from web.report_example import TABLE
from web.report_making import Reports
from web.report_settings import ReportSettings
from web.settings import WebSettings

DAY = "/reports/2026-11-20"


async def told(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_its_numbers_are_those_of_the_api(client: httpx.AsyncClient) -> None:
    report = await told(client, f"{DAY}.json")
    stretch = f"start={report['start']}&end={report['until']}"

    for slo in report["slos"]:
        if slo["service"] != "shop" or "<" in slo["slo"]:
            continue
        home = f"/api/v1/slos/shop/{slo['slo']}"
        points = await told(client, f"{home}/points?{stretch}&step=1h")
        budget = await told(client, f"{home}/budget?{stretch}")
        good, bad = sum(points["good"]), sum(points["bad"])
        assert bad > 0
        assert (slo["total"], slo["cost"]) == (good + bad, bad)
        assert slo["sli"] == good / (good + bad)
        most = [one["spent_ratio"] for one in budget["losses"]]
        listed = [one["spent"] for one in report["losses"] if one["slo"] == f"shop/{slo['slo']}"]
        assert listed == most[: len(listed)]


async def test_a_table_has_a_line_for_each_slo(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{DAY}.csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))

    report = await told(client, f"{DAY}.json")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["slo"] for row in rows] == [one["slo"] for one in report["slos"]]
    assert {row["period"] for row in rows} == {"2026-11-20"}


async def test_a_period_that_goes_on_says_so(client: httpx.AsyncClient) -> None:
    over, running = (await client.get(DAY)).text, (await client.get("/reports/2026-11")).text

    assert "This period is not over" not in over
    assert "This period is not over" in running
    assert (await told(client, "/reports/2026-11.json"))["is_over"] is False


async def test_the_executive_view_leaves_the_single_objectives_out(
    client: httpx.AsyncClient,
) -> None:
    technical = (await client.get(DAY)).text
    executive = (await client.get(f"{DAY}?view=executive")).text

    for words in ("Every objective", "Objectives by service", "What each objective counts"):
        assert words in technical
        assert words not in executive
    assert "Objectives missed" in executive


@pytest.mark.parametrize("slug", ["2026-13", "2026-W60", "yesterday", "2027-01", "1999-01"])
async def test_what_cannot_be_told_is_not_found(client: httpx.AsyncClient, slug: str) -> None:
    for path in (f"/reports/{slug}", f"/reports/{slug}.json"):
        assert (await client.get(path)).status_code == 404, path


async def test_it_is_about_one_owner_when_asked(client: httpx.AsyncClient) -> None:
    everybody = await told(client, f"{DAY}.json")
    owner = next(one["owner"] for one in everybody["slos"] if one["owner"])

    report = await told(client, f"{DAY}.json?owner={owner}")

    assert {one["owner"] for one in report["slos"]} == {owner}
    assert (await client.get(f"{DAY}?owner=nobody-at-all")).status_code == 404


async def test_days_begin_at_midnight_in_the_configured_zone(source: FakeSource) -> None:
    settings = WebSettings(now=lambda: NOW, reports=lambda: ReportSettings(ZoneInfo("Asia/Tokyo")))
    transport = httpx.ASGITransport(create_app(source, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as asking:
        report = await told(asking, f"{DAY}.json")

    assert report["start"].startswith("2026-11-19T15:00:00")
    assert report["zone"] == "Asia/Tokyo"


async def test_the_list_names_the_reports_there_are(client: httpx.AsyncClient) -> None:
    page = (await client.get("/reports")).text

    for slug in ("2026-11-21", "2026-11-20", "2026-W47", "2026-11"):
        assert f'href="/reports/{slug}"' in page


async def test_the_list_names_the_reports_that_are_mailed(client: httpx.AsyncClient) -> None:
    page = (await client.get("/reports")).text

    for words in ("By mail", "management", "every week at 07:00 UTC, executive", "2026-W46: sent"):
        assert words in page


async def test_the_api_tells_the_same_as_the_page_s_files(client: httpx.AsyncClient) -> None:
    slug = DAY.rpartition("/")[2]

    assert await told(client, f"/api/v1/reports/{slug}") == await told(client, f"{DAY}.json")
    api, page = await client.get(f"/api/v1/reports/{slug}.csv"), await client.get(f"{DAY}.csv")
    assert api.text == page.text
    listed = (await told(client, "/api/v1/reports"))["reports"]
    assert {"period": "2026-11-20", "kind": "day", "title": "Friday 20 November 2026",
            "is_over": True} in listed  # fmt: skip


async def test_the_examples_of_the_description_are_what_is_answered(
    client: httpx.AsyncClient,
) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()["paths"]

    def example(path: str) -> Any:  # noqa: ANN401 - JSON
        answers = described[f"/api/v1/reports{path}"]["get"]["responses"]["200"]
        return answers["content"]["application/json"]["example"]

    for path, model in (("", ReportList), ("/{period}", ReportFacts)):
        # What has a name in the model stands in the example, and nothing else.
        read: Any = TypeAdapter(model).validate_python(example(path))
        assert dataclasses.asdict(read).keys() == example(path).keys()
    line = next(csv.DictReader(io.StringIO(TABLE)))
    [slo] = example("/{period}")["slos"]
    assert list(line) == ["period", *slo]


async def test_a_pdf_is_the_report_that_the_page_shows(client: httpx.AsyncClient) -> None:
    slug = DAY.rpartition("/")[2]
    page = await client.get(f"{DAY}.pdf?view=executive")
    api = await client.get(f"/api/v1/reports/{slug}.pdf?view=executive")

    assert page.headers["content-type"] == api.headers["content-type"] == "application/pdf"
    assert page.headers["content-disposition"] == 'attachment; filename="nines-2026-11-20.pdf"'
    assert api.content == page.content
    text = PdfReader(io.BytesIO(page.content)).pages[0].extract_text()
    told_by_json = await told(client, f"{DAY}.json")
    assert f"{told_by_json['met']} of {told_by_json['met'] + told_by_json['missed']}" in text
    assert "executive view" in text


async def test_a_pdf_that_takes_too_long_is_given_up(source: FakeSource) -> None:
    ticks = iter([0.0, *[100.0] * 1_000])
    reports = Reports(source, lambda: NOW, ReportSettings, "http://x", lambda: next(ticks))
    made = await reports.named("2026-11-20", None)

    with pytest.raises(ProblemError, match="longer than 20 s") as caught:
        await reports.pdf(made, "technical")
    assert caught.value.status == 503


@pytest.mark.parametrize("path", ["/reports/{}.pdf", "/api/v1/reports/{}.pdf"])
async def test_there_is_no_pdf_of_what_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path.format("2027-01"))).status_code == 404


async def test_a_report_is_mailed_when_somebody_asks(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    [listed] = (await told(client, "/api/v1/report-mails"))["mails"]
    path = f"/api/v1/report-mails/{listed['name']}/send"

    sent = await client.post(path, json={"by": "ann", "period": "2026-W46"})

    assert sent.json() == {"said": "The mail server mail.example:25 accepted it for 1 of 1"}
    assert source.reports_mailed == [("management", "2026-W46", "ann")]
    assert (listed["every"], listed["last"]["state"]) == ("week", "sent")


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("nobody", {"by": "ann"}, 404, "No report is mailed by the name 'nobody'."),
        ("management", {"by": "ann", "period": "x"}, 400, "body.period: that is no period"),
        ("management", {}, 400, "body.by: Field required"),
        ("management", {"by": "ann", "whom": "x"}, 400, "body.whom: Extra inputs"),
    ],
    ids=["no such mail", "no period", "nobody asks", "another key"],
)
async def test_what_cannot_be_mailed_says_why(
    client: httpx.AsyncClient, name: str, body: dict[str, str], status: int, said: str
) -> None:
    answer = await client.post(f"/api/v1/report-mails/{name}/send", json=body)

    assert answer.status_code == status
    assert answer.json()["detail"].startswith(said)


class Slow(FakeSource):
    """Never ends to read incidents."""

    async def incident_times(
        self, start: datetime, end: datetime, limit: int
    ) -> Sequence[tuple[Incident, IncidentTimes]]:
        del start, end, limit
        await asyncio.Event().wait()
        return ()


async def test_what_takes_too_long_to_count_is_given_up() -> None:
    reports = Reports(Slow(), lambda: NOW, ReportSettings, "http://x", patience=timedelta(0))

    with pytest.raises(ProblemError, match="took longer than") as caught:
        await reports.named("2026-11-20", None)
    assert caught.value.status == 503
