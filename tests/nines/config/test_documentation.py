"""docs/configuration.md says what is true."""

import re
from pathlib import Path

import pytest

from alerting.receivers import RECEIVERS
from nines.config import schema
from tests.nines.config.files import NOBODY, load_text

TEXT = (Path(__file__).parents[3] / "docs/configuration.md").read_text()
ENVIRON = {"ONCALL_URL": "https://oncall.example/hook", "ALERTS_TOKEN": "t"}
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
COLLECTORS = [
    (file.stem, block)
    for file in sorted((Path(__file__).parents[3] / "docs/collectors").glob("*.md"))
    for block in re.findall(r"^```yaml\n(.*?)^```", file.read_text(), re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize(("file", "block"), COLLECTORS)
def test_every_example_of_a_collector_is_a_whole_file(
    tmp_path: Path, file: str, block: str
) -> None:
    advice = load_text(tmp_path, block, ENVIRON).advice

    assert {each.sentence for each in advice} <= {NOBODY}, file


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_a_whole_file_that_is_fine(tmp_path: Path, block: str) -> None:
    advice = load_text(tmp_path, block, ENVIRON).advice

    assert {each.sentence for each in advice} <= {NOBODY}


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 15


@pytest.mark.parametrize(
    "model",
    [
        *("ServerConfig", "Retention", "Defaults", "ServiceConfig", "SLOConfig", "TierConfig"),
        *("RouteConfig", "RootRouteConfig", "EscalationConfig", "InhibitRuleConfig"),
        *("TimeRangeConfig", "HoursConfig", "AlertingConfig", "HeartbeatConfig", "CanaryConfig"),
        "AlertmanagerApiConfig",
        "DeliverySLOConfig",
        *("AccessConfig", "SessionConfig", "OidcConfig", "GrantConfig"),
        *("DiscoveryConfig", "DnsNames"),
        *("ExclusionConfig", "MaintenanceConfig", "RuleConfig"),
        *("SLIConfig", "HttpConfig", "HttpExpect", "TcpConfig", "TlsConfig", "PrometheusConfig"),
    ],
)
def test_every_key_is_documented(model: str) -> None:
    words = set(re.findall(r"\w+", TEXT))

    assert set(schema()["$defs"][model]["properties"]) <= words


def test_every_kind_of_receiver_is_named() -> None:
    section = TEXT.split("## alerting\n")[1].split("\n\n")[0]

    assert {kind for kind in RECEIVERS if f"`{kind}`" in section} == set(RECEIVERS)
