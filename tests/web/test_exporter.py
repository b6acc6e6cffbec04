"""/metrics gives the API's numbers under the promised names, and nothing that is not known."""

import asyncio
import gzip
import subprocess
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.registry import Collector

from slo.alert_state import AlertState, Phase
from slo.severity import Severity
from slo.status import BudgetState
from tests.web.fakes import MARKUP, NOW, FakeSource, make_slo, make_status
from web import exporter
from web.exporter import Exporter, Snapshot, render, take_snapshot, wants_openmetrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def samples_of(text: str) -> Samples:
    """Every sample of a text page; fails on one that appears twice."""
    found: Samples = {}
    for family in read_text(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """The one sample of this name that bears these labels; None without one."""
    fitting = [
        number
        for (sample, have), number in samples.items()
        if sample == name and set(labels.items()) <= have
    ]
    assert len(fitting) <= 1
    return fitting[0] if fitting else None


async def scrape(client: httpx.AsyncClient) -> Samples:
    response = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert response.status_code == 200
    return samples_of(response.text)


async def test_every_number_is_the_api_s_own(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    for slo in (await client.get("/api/v1/slos")).json()["slos"]:
        service, _, name = slo["id"].partition("/")
        promise = {"objective": slo["objective"], "window": slo["window"]}
        labels = {"service": service, "slo": name} | promise
        budget = slo["budget"] or {"remaining_ratio": None}
        assert value(samples, "slo_sli_ratio", **labels) == slo["sli_ratio"]
        assert value(samples, "slo_objective_ratio", **labels) == slo["objective_ratio"]
        assert value(samples, "slo_window_seconds", **labels) == slo["window_seconds"]
        assert value(samples, "slo_coverage_ratio", **labels) == slo["coverage_ratio"]
        assert (
            value(samples, "slo_error_budget_remaining_ratio", **labels)
            == budget["remaining_ratio"]
        )
        for burn in slo["burns"]:
            given = value(samples, "slo_burn_rate", **labels, lookback=burn["lookback"])
            assert given == burn["rate"]


async def test_without_data_the_sample_is_left_out_and_the_status_says_so(
    client: httpx.AsyncClient,
) -> None:
    samples = await scrape(client)

    uploads = {"slo": "uploads"}
    for name in ("slo_sli_ratio", "slo_error_budget_remaining_ratio", "slo_coverage_ratio"):
        assert value(samples, name, **uploads) is None
    assert value(samples, "slo_burn_rate", **uploads, lookback="1h") is None
    assert value(samples, "slo_status", **uploads, state="no_data") == 1
    assert value(samples, "slo_objective_ratio", **uploads) == 0.999


async def test_the_status_names_the_budget_s_state_and_the_present_one(
    client: httpx.AsyncClient,
) -> None:
    samples = await scrape(client)

    states = {
        dict(labels)["state"]: number
        for (name, labels), number in samples.items()
        if name == "slo_status" and dict(labels)["slo"] == "login"
    }
    assert {state for state, number in states.items() if number == 1} == {"exhausted", "burning"}
    assert len(states) == 11


async def test_a_budget_that_is_overspent_is_negative(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    assert value(samples, "slo_error_budget_remaining_ratio", slo="payments") == -4.0


async def test_events_are_raw_counters_over_the_whole_life(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    given = [
        value(samples, "slo_events_total", slo="checkout", result=result)
        for result in ("good", "bad", "unknown")
    ]
    assert given == [518_000, 260, 11]


async def test_firing_tiers_are_told_by_severity_and_long_window(
    client: httpx.AsyncClient,
) -> None:
    samples = await scrape(client)

    page = {"severity": "page", "long_window": "1h"}
    assert value(samples, "slo_alert_firing", slo="checkout", **page) == 1
    assert value(samples, "slo_alert_firing", slo="catalogue", **page) == 0


async def test_tiers_that_share_their_labels_fire_when_one_of_them_does(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    slo = make_slo("shop", "twins")
    first = slo.tiers[0]
    twin = replace(first, short=timedelta(minutes=10))
    status = make_status(
        replace(slo, tiers=(first, twin)), (1_000, 0, 0), budget_state=BudgetState.HEALTHY
    )
    source.statuses_ = (status,)
    source.states[status.slo.id] = {
        first.key: AlertState(),
        twin.key: AlertState(Phase.FIRING, NOW),
    }

    samples = await scrape(client)

    assert first.severity is Severity.PAGE
    assert value(samples, "slo_alert_firing", severity="page", long_window="1h") == 1


async def test_probes_speak_blackbox(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    shop = {"service": "shop", "collector": "health"}
    assert value(samples, "probe_success", **shop) == 0
    assert value(samples, "probe_duration_seconds", **shop) == 0.148
    assert value(samples, "probe_http_duration_seconds", **shop, phase="tls") == 0.045
    assert value(samples, "probe_ssl_earliest_cert_expiry", **shop) == 1798815607


async def test_our_own_failure_to_look_is_no_verdict_on_the_target(
    client: httpx.AsyncClient,
) -> None:
    samples = await scrape(client)

    assert value(samples, "probe_success", service="petuniverse-api") is None
    unknown = {"service": "petuniverse-api", "collector": "health", "result": "unknown"}
    assert value(samples, "nines_collector_runs_total", **unknown) == 2_380


async def test_storage_tells_how_it_grows_once_it_was_looked_at(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    before = await scrape(client)
    rows = {"series": 3, "packed_counts": 120}
    source.health_ = replace(source.health_, storage_bytes=4_096_000, storage_rows=rows)
    page = await asker(source, Clock())(False)
    samples = samples_of(page.decode())

    assert value(before, "nines_storage_bytes") is None
    assert value(samples, "nines_storage_bytes") == 4_096_000
    assert value(samples, "nines_storage_rows", table="packed_counts") == 120
    assert "# HELP nines_storage_bytes What" in page.decode()


async def test_nines_tells_of_itself(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    assert value(samples, "nines_build_info", version="0.1.0") == 1
    assert value(samples, "nines_outbox_pending") == 2
    assert value(samples, "nines_outbox_oldest_seconds") == 75
    assert value(samples, "nines_config_last_reload_successful") == 1
    assert value(samples, "nines_evaluation_duration_seconds") == 0.0042
    assert value(samples, "nines_notifications_total", receiver="oncall", outcome="retry") == 4
    late = {"service": "petuniverse-api", "collector": "health"}
    assert value(samples, "nines_collector_lag_seconds", **late) == 31
    assert value(samples, "process_start_time_seconds") is not None


async def test_labels_keep_any_text(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    assert value(samples, "slo_info", slo=MARKUP, owner="shop-team") == 1


async def test_every_family_has_help(client: httpx.AsyncClient) -> None:
    families = list(read_text((await client.get("/metrics")).text))

    assert [family.name for family in families if not family.documentation] == []


@pytest.mark.needs("prometheus")
async def test_promtool_finds_nothing_to_say(client: httpx.AsyncClient) -> None:
    page = (await client.get("/metrics")).content

    def check() -> subprocess.CompletedProcess[bytes]:
        # The package is Debian's, so the command is found where the machine keeps it.
        return subprocess.run(
            ["promtool", "check", "metrics"],  # noqa: S607 see above
            input=page,
            capture_output=True,
            check=False,
            timeout=60,
        )

    checked = await asyncio.to_thread(check)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_openmetrics_is_given_to_those_who_ask(client: httpx.AsyncClient) -> None:
    asking = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.1"
    response = await client.get("/metrics", headers={"Accept": asking})

    assert response.headers["content-type"] == OPENMETRICS
    assert response.text.endswith("# EOF\n")
    # The library leaves this one function without types.
    pages = read_openmetrics(response.text)  # type: ignore[no-untyped-call]
    families = {family.name: family.type for family in pages}
    assert (families["slo_events"], families["slo"]) == ("counter", "info")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("APPLICATION/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text; version=abc", False),
        ("application/openmetrics-text; q=0", False),
        ("application/openmetrics-text; q=0.000", False),
        (";;;,=,;=", False),
    ],
)
def test_the_accept_header_is_read_with_care(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


async def test_the_page_is_compressed_for_those_who_take_it(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])

    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept, Accept-Encoding"
    assert b"slo_sli_ratio" in gzip.decompress(raw)


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Prints:
    """Counts the pages that were printed, and in which threads."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(
        self, snapshot: Snapshot, process: Collector | None, *, as_openmetrics: bool
    ) -> bytes:
        self.threads.append(threading.current_thread())
        return render(snapshot, process, as_openmetrics=as_openmetrics)


@pytest.fixture
def prints(monkeypatch: pytest.MonkeyPatch) -> Prints:
    prints = Prints()
    monkeypatch.setattr(exporter, "render", prints)
    return prints


def asker(source: FakeSource, clock: Clock) -> Callable[[bool], Awaitable[bytes]]:
    printing = Exporter(source, lambda: NOW, clock)
    return lambda zipped: printing._body(as_openmetrics=False, zipped=zipped)


async def test_an_evaluation_is_printed_once_and_off_the_loop(
    source: FakeSource, prints: Prints
) -> None:
    ask = asker(source, Clock())

    await asyncio.gather(*(ask(number % 2 == 0) for number in range(8)))

    assert len(prints.threads) == 1
    assert prints.threads[0] is not threading.main_thread()


async def test_the_next_evaluation_is_printed_anew(source: FakeSource, prints: Prints) -> None:
    ask = asker(source, Clock())
    await ask(False)
    source.health_ = replace(source.health_, last_evaluation=NOW, outbox_pending=77)

    page = await ask(False)

    assert len(prints.threads) == 2
    assert value(samples_of(page.decode()), "nines_outbox_pending") == 77


async def test_a_stalled_evaluation_does_not_hide_our_own_vital_signs(
    source: FakeSource,
) -> None:
    clock = Clock()
    ask = asker(source, clock)
    await ask(False)
    source.health_ = replace(source.health_, outbox_pending=77)
    clock.seconds += 5

    page = await ask(False)

    assert value(samples_of(page.decode()), "nines_outbox_pending") == 77


def test_an_slo_that_is_gone_leaves_no_sample_behind(source: FakeSource) -> None:
    source.statuses_ = source.statuses_[:1]

    page = render(take_snapshot(source, NOW), None, as_openmetrics=False)

    assert {
        dict(labels)["slo"] for _, labels in samples_of(page.decode()) if "slo" in dict(labels)
    } == {"checkout"}
