"""/metrics gives the API's numbers under the promised names, and nothing that is not known."""

import asyncio
import gzip
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from dashboards.flow import FlowState
from dashboards.source import CollectorHealth
from slo.alert_state import AlertState, Phase
from slo.counts import Counts
from slo.objective import Objective
from slo.severity import Severity
from slo.status import BudgetState
from tests.web.fakes import MARKUP, NOW, FakeSource, make_slo, make_status
from web import exporter
from web.exporter import Exporter, Printer, Samples, page, take_snapshot, wants_openmetrics

Done = TypeVar("Done")
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def samples_of(text: str) -> Values:
    """Every sample of a text page; fails on one that appears twice."""
    found: Values = {}
    for family in read_text(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Values, name: str, **labels: str) -> float | None:
    """The one sample of this name that bears these labels; None without one."""
    fitting = [
        number
        for (sample, have), number in samples.items()
        if sample == name and set(labels.items()) <= have
    ]
    assert len(fitting) <= 1
    return fitting[0] if fitting else None


async def scrape(client: httpx.AsyncClient) -> Values:
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


async def test_what_comes_is_told_and_why_nothing_does(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    def flows(slo: str) -> set[str]:
        told = {
            dict(labels)["state"]: number
            for (name, labels), number in samples.items()
            if name == "slo_flow_status" and dict(labels)["slo"] == slo
        }
        assert len(told) == len(FlowState)
        return {state for state, number in told.items() if number == 1}

    assert flows("catalogue") == {"flowing"}
    assert flows("images") == {"collector_down"}  # its collector's last look failed
    assert flows("uploads") == {"collector_down"}  # that never ran


async def test_with_unknown_events_the_sli_has_bounds(client: httpx.AsyncClient) -> None:
    samples = await scrape(client)

    for slo in (await client.get("/api/v1/slos")).json()["slos"]:
        labels = {"service": slo["service"], "slo": slo["name"]}
        for bound in ("lowest", "highest"):
            given = value(samples, "slo_sli_bound_ratio", **labels, bound=bound)
            assert given == slo[f"sli_{bound}_ratio"]
    assert value(samples, "slo_sli_bound_ratio", slo="images", bound="lowest") == 58_000 / 60_480


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
    verified = value(samples, "probe_ssl_last_chain_expiry_timestamp_seconds", **shop)
    leaf = value(samples, "nines_collector_leaf_expiry_timestamp_seconds", **shop)
    assert (verified, leaf) == (1798815607 + 213 * 3600, 1798815607 + 453 * 3600)


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
    page = await text_of(exporter_of(source))
    samples = samples_of(page)

    assert value(before, "nines_storage_bytes") is None
    assert value(samples, "nines_storage_bytes") == 4_096_000
    assert value(samples, "nines_storage_rows", table="packed_counts") == 120
    assert "# HELP nines_storage_bytes What" in page


async def test_templates_that_failed_are_counted(source: FakeSource) -> None:
    source.health_ = replace(source.health_, template_errors={"oncall": 2})
    samples = samples_of(await text_of(exporter_of(source)))

    assert value(samples, "nines_template_errors_total", receiver="oncall") == 2


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


async def text_of(exporter_: Exporter, *, zipped: bool = False) -> str:
    body = b"".join(await exporter_.page(as_openmetrics=False, zipped=zipped))
    return (gzip.decompress(body) if zipped else body).decode()


def exporter_of(source: FakeSource, clock: Clock | None = None) -> Exporter:
    return Exporter(source, lambda: NOW, clock or Clock())


class AskedSource(FakeSource):
    """Counts how often it was asked for everything."""

    asked = 0

    def collectors(self) -> Sequence[CollectorHealth]:
        self.asked += 1
        return super().collectors()


async def test_an_evaluation_is_printed_once_whoever_asks_at_the_same_time() -> None:
    source = AskedSource()
    printing = exporter_of(source)

    pages = await asyncio.gather(*(text_of(printing, zipped=n % 2 == 0) for n in range(8)))

    assert source.asked == 1
    assert len(set(pages)) == 1


async def test_the_next_evaluation_is_printed_anew() -> None:
    source = AskedSource()
    printing = exporter_of(source)
    await text_of(printing)
    source.health_ = replace(source.health_, last_evaluation=NOW, outbox_pending=77)

    page = await text_of(printing)

    assert source.asked == 2
    assert value(samples_of(page), "nines_outbox_pending") == 77


async def test_a_stalled_evaluation_does_not_hide_our_own_vital_signs(
    source: FakeSource,
) -> None:
    clock = Clock()
    printing = exporter_of(source, clock)
    await text_of(printing)
    source.health_ = replace(source.health_, outbox_pending=77)
    clock.seconds += 5

    page = await text_of(printing)

    assert value(samples_of(page), "nines_outbox_pending") == 77


async def test_everything_else_has_its_turn_while_a_page_is_printed(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "_ROWS_TOGETHER", 1)
    monkeypatch.setattr(exporter, "_MADE_TOGETHER", 1)
    turns = 0

    async def something_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(something_else())
    await text_of(exporter_of(source))
    other.cancel()

    assert turns > 2 * len(source.statuses_)  # statuses are made, and then printed


async def test_a_page_in_many_parts_is_the_same_page(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"".join(finish(page(printed(Printer(), source), None, as_openmetrics=False)))
    monkeypatch.setattr(exporter, "_BYTES_TOGETHER", 400)

    parts = finish(page(printed(Printer(), source), None, as_openmetrics=False))
    answer = await client.get("/metrics", headers={"Accept-Encoding": "identity"})

    assert len(parts) > 10
    assert b"".join(parts) == whole
    assert int(answer.headers["content-length"]) == len(answer.content)


def finish(steps: Generator[None, None, Done]) -> Done:
    """All the steps without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done


def printed(printer: Printer, source: FakeSource) -> Samples:
    return finish(printer.samples(take_snapshot(source, source.statuses(), NOW)))


def page_of(printer: Printer, source: FakeSource) -> str:
    parts = finish(page(printed(printer, source), None, as_openmetrics=False))
    return b"".join(parts).decode()


def test_only_what_has_changed_is_printed_anew(source: FakeSource) -> None:
    printer = Printer()
    before = printed(printer, source)
    first, *others = source.statuses_
    source.statuses_ = (replace(first, lifetime=Counts(7_000, 7, 7)), *others)

    after = printed(printer, source)

    same = [one is other for one, other in zip(before.slos, after.slos, strict=True)]
    assert same == [False] + [True] * len(others)
    page = samples_of(page_of(printer, source))
    assert value(page, "slo_events_total", slo="checkout", result="good") == 7_000


def test_a_rule_that_begins_to_fire_is_told_though_the_numbers_stay(source: FakeSource) -> None:
    printer = Printer()
    page_of(printer, source)
    slo = next(one.slo for one in source.statuses_ if one.slo.name == "catalogue")
    source.states[slo.id] = {slo.tiers[0].key: AlertState(Phase.FIRING, NOW)}

    page = samples_of(page_of(printer, source))

    page_tier = {"severity": "page", "long_window": "1h"}
    assert value(page, "slo_alert_firing", slo="catalogue", **page_tier) == 1


def test_labels_follow_the_configuration(source: FakeSource) -> None:
    printer = Printer()
    page_of(printer, source)
    first, *others = source.statuses_
    stricter = replace(first.slo, objective=Objective(Decimal("0.9995")))
    source.statuses_ = (replace(first, slo=stricter), *others)
    redefined = samples_of(page_of(printer, source))
    source.services_ = tuple(replace(card, owner="another-team") for card in source.services_)
    handed_over = samples_of(page_of(printer, source))

    assert value(redefined, "slo_info", slo="checkout", objective="99.95") == 1
    assert value(handed_over, "slo_info", slo="checkout", owner="another-team") == 1


def test_a_collector_that_ran_again_is_told_anew(source: FakeSource) -> None:
    printer = Printer()
    page_of(printer, source)
    first, *others = source.collectors_
    assert first.last is not None
    last = replace(first.last, duration=timedelta(seconds=3))
    source.collectors_ = (replace(first, last=last, runs={"passed": 258_741}), *others)

    page = samples_of(page_of(printer, source))

    shop = {"service": "shop", "collector": "health"}
    assert value(page, "probe_duration_seconds", **shop) == 3
    assert value(page, "nines_collector_runs_total", **shop, result="passed") == 258_741


def test_an_slo_that_is_gone_leaves_no_sample_behind(source: FakeSource) -> None:
    printer = Printer()
    page_of(printer, source)
    source.statuses_ = source.statuses_[:1]

    page = page_of(printer, source)

    assert {dict(labels)["slo"] for _, labels in samples_of(page) if "slo" in dict(labels)} == {
        "checkout"
    }


def test_counts_beyond_what_a_float_holds_stay_whole(source: FakeSource) -> None:
    assert " 9007199254740993\n" in page_of(Printer(), source)


def test_variants_of_an_slo_tell_what_they_share_once(source: FakeSource) -> None:
    first = source.statuses_[0]
    stricter = replace(first.slo, objective=Objective(Decimal("0.9995")), variant="99.95")
    source.statuses_ = (first, replace(first, slo=stricter))

    page = samples_of(page_of(Printer(), source))

    assert value(page, "slo_events_total", slo="checkout", result="bad") == 260
    for objective in ("99.9", "99.95"):
        assert value(page, "slo_sli_ratio", slo="checkout", objective=objective) is not None


async def test_threshold_rules_tell_what_they_saw_and_whether_they_fire(
    client: httpx.AsyncClient,
) -> None:
    samples = await scrape(client)

    assert value(samples, "nines_rule_value", service="shop", alert="cpu") == 0.832
    assert value(samples, "nines_rule_limit", service="shop", alert="cpu") == 0.7
    assert value(samples, "nines_rule_firing", alert="cpu", severity="ticket") == 1
    assert value(samples, "nines_rule_value", alert="disk") is None  # nothing is known
    assert value(samples, "nines_rule_firing", alert="disk") == 0
    assert value(samples, "nines_rule_value", alert="down") == 30
