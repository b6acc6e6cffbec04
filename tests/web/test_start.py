"""`/start` and `/api/v1/try`: a look, a proposal, and saving it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from collectors.http import HttpConfig
from collectors.observation import Cause, Observation, Outcome, Phase
from dashboards.prometheus_templates import Candidate, candidates
from nines.config.document import read_yaml
from slo.counts import Counts
from slo.hindsight import Week, weeks_before
from tests.web.fakes import MARKUP, NOW, FakeSource
from tests.web.test_access_table import ASKERS, Being
from web.app import create_app
from web.settings import WebSettings
from web.steps.port import StepError

SEEN = Observation(
    collector_id="first/look",
    due=NOW,
    started=NOW,
    lateness=timedelta(0),
    duration=timedelta(milliseconds=120),
    outcome=Outcome.PASSED,
    phases={Phase.RESOLVE: timedelta(milliseconds=20), Phase.TLS: timedelta(milliseconds=100)},
    http_status=200,
    http_version="HTTP/1.1",
    tls_version="TLSv1.3",
    certificate_expires=datetime(2027, 1, 1, tzinfo=UTC),
    address="203.0.113.1",
)
URL = "https://shop.example/health"
FORM = {"url": URL, "service": "new-shop", "objective": "99.9%", "window": "7d", "name": "ann"}


@dataclass
class FakeSteps:
    """Sees what the test says, and writes down what is saved."""

    seen: Observation | StepError = SEEN
    problem: StepError | None = None
    read_only: str | None = None
    looked: list[str] = field(default_factory=list)
    saved: list[tuple[str, str, str, int]] = field(default_factory=list)

    async def look(self, config: HttpConfig) -> Observation:
        self.looked.append(config.http)
        if isinstance(self.seen, StepError):
            raise self.seen
        return self.seen

    async def jobs(self, url: str) -> Sequence[tuple[str, int]]:
        self.looked.append(url)
        return [("api", 3), ("shop", 1)]

    async def candidates(self, url: str, job: str) -> Sequence[Candidate]:
        self.looked.append(url)
        found = [({"found": "http_requests_total", "code": "500"}, 1), ({"found": "up"}, 1)]
        return candidates(job, found)

    async def look_back(self, url: str, candidate: Candidate) -> Sequence[Week]:
        self.looked.append(f"{url}{candidate.query}")
        empty = weeks_before(NOW)
        counts = [Counts(998, 2), *[Counts(1000)] * 8, Counts()]
        return [
            replace(week, counts=one, seen=1, due=1)
            for week, one in zip(empty, counts, strict=True)
        ]

    def why_not_saved(self) -> str | None:
        return self.read_only

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        if self.problem is not None:
            raise self.problem
        self.saved.append((service, lines, host, port))


@dataclass(frozen=True, slots=True)
class Recording(Being):
    """Remembers what is to be remembered."""

    records: list[tuple[str, str, str, object]] = field(default_factory=list)

    async def record(self, principal, action, subject, after=None) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        self.records.append((principal.name, action, subject, after))


@pytest.fixture
def steps() -> FakeSteps:
    return FakeSteps()


@pytest.fixture
def access() -> Recording:
    return Recording(ASKERS["admin"])


@pytest.fixture
async def client(steps: FakeSteps, access: Recording) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        FakeSource(), settings=WebSettings(now=lambda: NOW), steps=steps, access=access
    )
    async with asking(app) as client:
        yield client


def asking(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),  # type: ignore[arg-type]
        base_url="http://127.0.0.1:9919",
        headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"},
    )


async def test_the_page_has_its_doors_and_does_nothing_by_itself(
    client: httpx.AsyncClient, steps: FakeSteps
) -> None:
    page = (await client.get("/start", params={"url": URL})).text

    assert f'value="{URL}"' in page
    assert "Paste a URL" in page
    assert "this page cannot start it" in page
    assert steps.looked == []


async def test_a_look_shows_its_phases_its_certificate_and_a_proposal(
    client: httpx.AsyncClient, steps: FakeSteps
) -> None:
    page = (await client.post("/start/url", data={"url": "shop.example/health"})).text

    assert steps.looked == [URL]
    assert "It answers as it should: 200 in 120\u00a0ms." in page
    assert "encrypted (TLS) <b>100\u00a0ms</b>" in page
    assert "2027-01-01 00:00:00 UTC" in page
    assert "99.5\u00a0% over 28\u00a0days allows 3\u00a0h 21\u00a0min of full outage" in page
    assert "objective: 99.5%, window: 28d" in page
    assert ">Save</button>" in page


async def test_a_failure_is_told_by_its_cause(client: httpx.AsyncClient, steps: FakeSteps) -> None:
    steps.seen = Observation(
        "first/look", NOW, NOW, timedelta(0), timedelta(milliseconds=5), Outcome.FAILED,
        Cause.DNS, Phase.RESOLVE, "the name shop.example does not exist",
    )  # fmt: skip
    page = (await client.post("/start/url", data={"url": URL})).text

    assert "(dns in resolve): the name shop.example does not exist." in page
    answer = (await client.post("/api/v1/try", json={"url": URL})).json()
    assert (answer["outcome"], answer["cause"], answer["phase"]) == ("failed", "dns", "resolve")


async def test_where_nobody_may_look_is_said_and_not_saved_from_here(
    client: httpx.AsyncClient, steps: FakeSteps
) -> None:
    steps.seen = StepError(403, "10.0.0.1, a private network: ... where web.tries.allow holds it")
    response = await client.post("/start/url", data={"url": "http://10.0.0.1/"})

    assert response.status_code == 403
    assert "tries: {allow:" in response.text
    assert "http://10.0.0.1/" in response.text
    assert ">Save</button>" not in response.text
    answer = await client.post("/api/v1/try", json={"url": "http://10.0.0.1/"})
    assert (answer.status_code, answer.json()["detail"][:8]) == (403, "10.0.0.1")


async def test_saving_writes_what_was_proposed_and_is_written_down(
    client: httpx.AsyncClient, steps: FakeSteps, access: Recording
) -> None:
    response = await client.post("/start/save", data=FORM)

    assert (response.status_code, response.headers["location"]) == (
        303,
        "/slos/new-shop/availability#main",
    )
    ((service, lines, host, port),) = steps.saved
    assert (service, host, port) == ("new-shop", "shop.example", 443)
    slo = read_yaml(lines.encode(), "")[0].data["new-shop"]["slos"]["availability"]
    assert slo == {"objective": "99.9%", "window": "7d", "sli": {"probe": "home"}}
    after = {"address": URL, "objective": "99.9%", "window": "7d"}
    assert access.records == [("admin", "service added", "new-shop", after)]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"url": ""}, "paste an address"),
        ({"url": "ftp://shop.example"}, "begins with neither"),
        ({"url": "http://ann:secret@shop.example/"}, "under basic_auth"),
        ({"service": "No Name"}, "is not a name"),
        ({"service": "shop"}, "there is a service shop already"),
        ({"objective": "100%"}, "an objective must lie between"),
        ({"window": "1h"}, "a first window is between 1d and 90d"),
    ],
)
async def test_what_makes_no_sense_is_said_and_not_saved(
    client: httpx.AsyncClient, steps: FakeSteps, changed: dict[str, str], why: str
) -> None:
    response = await client.post("/start/save", data=FORM | changed)

    assert response.status_code == 400
    assert why in response.text
    assert steps.saved == []
    body = {name: text for name, text in (FORM | changed).items() if name != "name"}
    answer = await client.post("/api/v1/try", json=body)
    assert (answer.status_code, why in answer.json()["detail"]) == (400, True)


async def test_a_secret_in_an_address_is_not_written(
    client: httpx.AsyncClient, steps: FakeSteps, access: Recording
) -> None:
    response = await client.post("/start/save", data=FORM | {"url": f"{URL}?token=abc"})

    assert response.status_code == 409
    assert "sounds like a secret" in response.text
    assert (steps.saved, access.records) == ([], [])


async def test_why_it_cannot_be_saved_is_said(client: httpx.AsyncClient, steps: FakeSteps) -> None:
    steps.problem = StepError(409, "config.yaml:3:1: `slos` is wrong")
    refused = await client.post("/start/save", data=FORM)
    assert refused.status_code == 409
    assert "It was not saved: config.yaml:3:1: `slos` is wrong." in refused.text

    steps.read_only = "config.yaml is a link to a file that somebody else keeps"
    page = (await client.post("/start/url", data={"url": URL})).text
    assert "a link to a file that somebody else keeps" in page
    assert ">Save</button>" not in page


@pytest.mark.parametrize(
    ("asker", "statuses"),
    [
        ("viewer", (403, 403, 403)),
        ("responder", (403, 403, 403)),
        ("editor", (200, 200, 403)),
        ("admin", (200, 200, 303)),
    ],
)
async def test_editors_look_and_admins_save(
    steps: FakeSteps, asker: str, statuses: tuple[int, ...]
) -> None:
    app = create_app(
        FakeSource(),
        settings=WebSettings(now=lambda: NOW),
        steps=steps,
        access=Being(ASKERS[asker]),
    )
    async with asking(app) as client:
        page = (await client.get("/start")).text
        looked = await client.post("/start/url", data={"url": URL})
        tried = await client.post("/api/v1/try", json={"url": URL})
        saved = await client.post("/start/save", data=FORM)

    assert (looked.status_code, tried.status_code, saved.status_code) == statuses
    assert ('action="/start/url' in page) is (statuses[0] == 200)
    assert (">Save</button>" in looked.text) is (asker == "admin")


async def test_another_site_makes_nobody_look_or_save(
    client: httpx.AsyncClient, steps: FakeSteps
) -> None:
    for path in ("/start/url", "/start/save", "/api/v1/try"):
        response = await client.post(
            path, data=FORM, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://e.example"}
        )
        assert response.status_code == 403
    assert (steps.looked, steps.saved) == ([], [])


async def test_markup_stays_text(client: httpx.AsyncClient, steps: FakeSteps) -> None:
    steps.seen = StepError(403, MARKUP)
    for data in ({"url": f"https://shop.example/{MARKUP.replace(' ', '')}"}, {"url": MARKUP}):
        page = (await client.post("/start/url", data=data)).text
        assert "<img" not in page


@pytest.mark.parametrize("path", ["/${HOME}", "/$x", '/"quotes"\\', "/ünï", "/%7B%7D", "/#!&*'"])
async def test_what_stands_in_an_address_stays_what_it_is(
    client: httpx.AsyncClient, steps: FakeSteps, path: str
) -> None:
    url = f"https://shop.example{path.partition('#')[0]}"
    await client.post("/start/save", data=FORM | {"url": url})

    ((_, lines, _, _),) = steps.saved
    home = read_yaml(lines.encode(), "")[0].data["new-shop"]["collectors"]["home"]
    assert home["http"].replace("$$", "$") == url


PROMETHEUS = "https://prometheus.example/"
JOB = {"prometheus": PROMETHEUS, "job": "shop"}


async def test_a_prometheus_tells_its_jobs_and_what_past_weeks_would_have_been(
    client: httpx.AsyncClient,
) -> None:
    listed = (await client.post("/start/prometheus", data={"prometheus": PROMETHEUS})).text
    assert 'value="api"' in listed
    assert "3\u00a0targets" in listed
    assert "What it would have been" not in listed

    page = (await client.post("/start/prometheus", data=JOB | {"objective": "99.9%"})).text
    assert "met 99.9\u00a0% in 8 of 9 weeks; too little is kept of 1\u00a0week." in page
    assert "99.8% is the strictest" in page
    assert "bad where code is 5.." in page
    assert ">not known</span>" in page


async def test_what_history_suggests_is_proposed_and_saved(
    client: httpx.AsyncClient, steps: FakeSteps, access: Recording
) -> None:
    page = (await client.post("/start/prometheus", data=JOB)).text
    assert "objective: 99.8%" in page

    form = {**JOB, "service": "new", "objective": "99.8%", "window": "28d", "name": "ann"}
    response = await client.post("/start/save", data=form | {"way": "up"})

    assert response.status_code == 303, response.text
    ((service, lines, host, port),) = steps.saved
    assert (service, host, port) == ("new", "prometheus.example", 443)
    written = read_yaml(lines.encode(), "")[0].data["new"]
    query = {"query": 'up{job="shop"}', "type": "gauge"}
    assert written["collectors"]["prometheus"]["queries"] == {"up": query}
    assert access.records[0][1:3] == ("service added", "new")


async def test_programs_get_the_same_proposal(client: httpx.AsyncClient) -> None:
    jobs = (await client.post("/api/v1/propose", json={"prometheus": PROMETHEUS})).json()
    assert jobs["jobs"] == [{"job": "api", "targets": 3}, {"job": "shop", "targets": 1}]
    assert (jobs["proposal"], jobs["hindsight"]) == (None, None)

    told = (await client.post("/api/v1/propose", json=JOB | {"objective": "99.9%"})).json()
    past = told["hindsight"]
    assert (past["met"], past["known"], past["suggested"]) == (8, 9, "99.8%")
    assert [week["met"] for week in past["weeks"]] == [False, *[True] * 8, None]
    assert told["ways"][0]["way"] == "http_requests_total:code"
    assert "total: http_requests_total" in told["proposal"]["yaml"]

    probed = (await client.post("/api/v1/propose", json={"url": URL})).json()
    assert (probed["proposal"]["objective"], probed["hindsight"]) == ("99.5%", None)


async def test_a_way_that_there_is_not_is_said(client: httpx.AsyncClient) -> None:
    response = await client.post("/start/prometheus", data=JOB | {"way": "guessing"})

    assert response.status_code == 400
    assert "there is no way &#39;guessing&#39; of counting the job shop" in response.text
