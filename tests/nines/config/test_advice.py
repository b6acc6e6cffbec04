"""What is no mistake, but worth a thought."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.nines.config.files import NOBODY, SHOP, load_text

HOME = "{http: https://shop.example/}"
TOKEN = {"TOKEN": "example"}
UP = "{objective: 99.9%, sli: {probe: home}}"


def advice(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The advice, each as `line:column: sentence`, but that SHOP tells nobody."""
    return [
        f"{p.line}:{p.column}: {p.sentence}"
        for p in load_text(folder, text, environ).advice
        if p.sentence != NOBODY
    ]


def test_a_sound_configuration_needs_none(tmp_path: Path) -> None:
    assert advice(tmp_path, SHOP) == []


def test_a_probe_too_seldom_for_its_objective(tmp_path: Path) -> None:
    text = SHOP.replace(UP, UP.replace("99.9%", "99.99%")).replace(
        HOME, "{http: https://shop.example/, interval: 60s}"
    )

    assert advice(tmp_path, text) == [
        (
            "7:23: 99.99% over 30d allows 4.3 failed runs of a probe every 1m: one spends 23% of "
            "the budget; probe more often, or promise less"
        )
    ]


def test_a_probe_of_which_one_failed_run_breaks_the_promise(tmp_path: Path) -> None:
    text = SHOP.replace(UP, UP.replace("99.9%", "99.999%")).replace(
        HOME, "{http: https://shop.example/, interval: 60s}"
    )

    assert "one spends all of the budget" in advice(tmp_path, text)[0]


def test_a_probe_too_seldom_for_its_short_window(tmp_path: Path) -> None:
    text = SHOP.replace(UP, UP.replace("99.9%", "90%, window: 90d")).replace(
        HOME, "{http: https://shop.example/, interval: 4m}"
    )

    assert any(
        "less than twice in the short window of 5m" in each for each in advice(tmp_path, text)
    )


def job(heartbeat: str, slo: str, *, alert: str = "") -> str:
    """A job with one SLO, and perhaps an alert."""
    return f"""\
services:
  shop:
    collectors:
      backup: {{heartbeat: {{{heartbeat}, token: "${{TOKEN}}"}}}}
    slos:
      backups: {{sli: {{probe: backup}}, {slo}}}
{alert}alerting: {{route: {{receivers: []}}}}
"""


def test_of_a_job_its_runs_are_counted_and_no_looks(tmp_path: Path) -> None:
    tiers = "tiers: [{severity: ticket, factor: 2, long: 6d, short: 2d}]"
    nightly = job('cron: "30 2 * * *", zone: Europe/Berlin', f"objective: 99%, {tiers}")
    (said,) = advice(tmp_path, nightly, TOKEN)
    assert said == (
        "6:50: 99% over 30d allows 0.3 failed runs of a job that runs some 30 times in that time: "
        "one spends all of the budget; promise less, or over a longer time"
    )
    yearly = job('cron: "0 3 1 1 *"', f"objective: 99%, {tiers}")
    assert "a job that runs once or less in that time" in advice(tmp_path, yearly, TOKEN)[-1]
    often = "objective: 99%, tiers: [{severity: ticket, factor: 2, long: 1d, short: 1h}]"
    assert advice(tmp_path, job("every: 10m", often), TOKEN) == []
    seldom = f"objective: 95%, {tiers}"  # one of one and a half: a job runs when it must
    assert advice(tmp_path, job('cron: "30 2 * * *"', seldom), TOKEN) == []


def test_a_job_too_seldom_for_its_short_window_needs_an_alert(tmp_path: Path) -> None:
    hourly = "every: 1h", "objective: 95%, window: 90d"
    assert any(
        "less than once in the short window of 5m" in each and "`failures: 1 of 1`" in each
        for each in advice(tmp_path, job(*hourly), TOKEN)
    )
    alert = "    alerts: {bad: {probe: backup, failures: 1 of 1, severity: ticket}}\n"
    said = advice(tmp_path, job(*hourly, alert=alert), TOKEN)
    assert not any("short window" in each for each in said)


def test_default_tiers_that_had_to_be_lowered(tmp_path: Path) -> None:
    assert advice(tmp_path, SHOP.replace(UP, UP.replace("99.9%", "90%"))) == [
        (
            "7:23: 1 of the default tiers could never fire at 90% and is lowered to 0.9 of the 10x "
            "that a full outage burns; write `tiers` to choose"
        )
    ]


def test_a_scrape_that_nothing_reads(tmp_path: Path) -> None:
    text = SHOP.replace(
        "    slos:\n", "      more: {prometheus: http://shop.example/}\n    slos:\n"
    )

    assert advice(tmp_path, text) == ["6:13: nothing reads `more`: it is scraped for nothing"]


def test_a_probe_that_nothing_reads_is_still_shown(tmp_path: Path) -> None:
    text = SHOP.replace("    slos:\n", "      name: {dns: shop.example}\n    slos:\n")

    assert advice(tmp_path, text) == []


def test_no_alerting_at_all(tmp_path: Path) -> None:
    text = SHOP.replace("alerting: {route: {receivers: []}}\n", "")

    assert advice(tmp_path, text) == [
        "1:1: no `alerting`: alerts are shown on the dashboard, and nobody is told"
    ]


def test_nobody_to_tell(tmp_path: Path) -> None:
    text = SHOP.replace(
        "alerting: {", 'alerting: {receivers: {oncall: {pagerduty: {routing_key: "${KEY}"}}}, '
    )
    config = load_text(tmp_path, text, {"KEY": "0123456789abcdef0123456789abcdef"})

    assert [each.sentence for each in config.advice] == [NOBODY]


def routed(folder: Path, route: str) -> list[str]:
    """What is advised of a shop with two receivers and these routes."""
    hook = "{webhook: {url: '${HOOK}'}}"
    alerting = f"alerting: {{receivers: {{oncall: {hook}, sre: {hook}}}, route: {route}}}\n"
    text = SHOP.replace("alerting: {route: {receivers: []}}\n", alerting)
    config = load_text(folder, text, {"HOOK": "https://hook.example/"})
    return [each.sentence for each in config.advice]


def test_a_receiver_that_no_route_names(tmp_path: Path) -> None:
    assert routed(tmp_path, "{receivers: [oncall]}") == ["no route leads to `sre`"]


def test_a_receiver_whose_routes_take_no_alert(tmp_path: Path) -> None:
    route = "{receivers: [sre], routes: [{match: 'severity=\"info\"', receivers: [oncall]}]}"

    assert routed(tmp_path, route) == [
        "no alert of this configuration reaches `oncall`: its routes take none"
    ]


def test_a_receiver_behind_a_route_that_takes_everything(tmp_path: Path) -> None:
    route = (
        "{routes: [{match: 'service=\"shop\"', receivers: [sre]}, "
        "{match: 'severity=\"page\"', receivers: [oncall]}]}"
    )

    assert routed(tmp_path, route) == [
        "no alert of this configuration reaches `oncall`: its routes take none"
    ]


def test_pages_of_one_slo_that_reach_nobody(tmp_path: Path) -> None:
    route = (
        "{receivers: [sre], routes: [{match: 'severity=\"page\"', receivers: [oncall], "
        "routes: [{match: 'slo=\"up\"', receivers: []}]}]}"
    )

    assert routed(tmp_path, route) == [
        (
            'no page of shop/up reaches anybody: severity="page" matched route 1, slo="up" matched '
            "route 1.1, and no receivers stand there"
        )
    ]


def test_pages_that_reach_nobody_at_all_are_said_once(tmp_path: Path) -> None:
    route = "{routes: [{match: 'severity=\"ticket\"', receivers: [oncall, sre]}]}"

    assert routed(tmp_path, route) == [
        (
            "no page of any SLO reaches anybody: no route matched, so the root's receivers, and no "
            "receivers stand there (as of shop/up)"
        )
    ]


def test_routes_that_reach_everybody_need_no_advice(tmp_path: Path) -> None:
    route = "{receivers: [sre], routes: [{match: 'severity=\"page\"', receivers: [oncall, sre]}]}"

    assert routed(tmp_path, route) == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("bearer_token: abc123", True),
        ("headers: {Authorization: abc123}", True),
        ("headers: {Accept-Language: de}", False),
        ("bearer_token: '${TOKEN}'", False),
    ],
)
def test_a_plain_secret_is_told_and_never_printed(tmp_path: Path, written: str, told: bool) -> None:
    text = SHOP.replace(HOME, f"{{http: https://shop.example/, {written}}}")

    config = load_text(tmp_path, text, {"TOKEN": "abc123"})

    assert any("the secret" in each.sentence for each in config.advice) is told
    assert "abc123" not in str(config.advice)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql+psycopg://nines:hunter2@db/nines", True),
        ("postgresql+psycopg://nines@db/nines", False),
        ("sqlite:///nines.db", False),
    ],
)
def test_a_database_address_is_a_secret_when_it_holds_a_password(
    tmp_path: Path, address: str, told: bool
) -> None:
    said = advice(tmp_path, SHOP + f"server: {{database: '{address}'}}\n")

    assert bool(said) is told
    assert "hunter2" not in str(said)


def test_nothing_to_watch(tmp_path: Path) -> None:
    assert advice(tmp_path, "server: {}\n") == ["1:1: no services: nothing is watched"]


LIMIT = """rate_limits:
  provider: {hosts: ["*.example"], at_most: %s}
"""


def test_more_is_asked_of_a_host_than_it_allows(tmp_path: Path) -> None:
    assert advice(tmp_path, SHOP + LIMIT % "100/15m") == [
        (
            "13:13: 2 collectors make 120 requests in 15m, and 90 of the 100 can be made (the rest "
            "is for what comes at once): runs beyond that are unknown; make the intervals 1.34 "
            "times as long"
        )
    ]


def test_a_host_that_allows_as_much_needs_none(tmp_path: Path) -> None:
    assert advice(tmp_path, SHOP + LIMIT % "134/15m") == []


def test_a_limit_of_hosts_that_nobody_asks(tmp_path: Path) -> None:
    text = SHOP + LIMIT.replace("*.example", "*.example.org") % "50/15m"

    assert advice(tmp_path, text) == ["13:13: no collector asks any of these hosts"]
