"""Pages that others wrote to find parsers out: OpenMetrics', Prometheus' and node_exporter's."""

import json
import re
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from collectors.exposition_line import PageError
from tests.collectors.pages import DATA, every_name, read, values, values_of

CORPUS: list[dict[str, Any]] = json.loads(
    (DATA / "openmetrics" / "om_parsers_corpus.json").read_text()
)
VALID = {case["name"]: case["metrics"] for case in CORPUS if case["test"]["shouldParse"]}
INVALID = {case["name"]: case["metrics"] for case in CORPUS if not case["test"]["shouldParse"]}

# The page cannot be told from a damaged one: refused, as by Prometheus.
REFUSED = {
    "bad_blank_line", "bad_exemplar_timestamp_0", "bad_exemplar_timestamp_1",
    "bad_exemplar_timestamp_2", "bad_exemplars_1", "bad_exemplars_10", "bad_exemplars_12",
    "bad_exemplars_2", "bad_exemplars_5", "bad_exemplars_8", "bad_exemplars_9", "bad_help_4",
    "bad_invalid_labels_0", "bad_invalid_labels_1", "bad_invalid_labels_2",
    "bad_invalid_labels_3", "bad_invalid_labels_4", "bad_invalid_labels_5",
    "bad_invalid_labels_6", "bad_invalid_labels_8", "bad_metric_names_0", "bad_metric_names_2",
    "bad_missing_equal_or_label_value_0", "bad_missing_equal_or_label_value_3",
    "bad_missing_or_extra_commas_0", "bad_missing_or_extra_commas_1",
    "bad_missing_or_wrong_quotes_on_label_value_0",
    "bad_missing_or_wrong_quotes_on_label_value_1",
    "bad_missing_or_wrong_quotes_on_label_value_2", "bad_missing_value_0", "bad_no_eof",
    "bad_text_after_eof_0", "bad_timestamp_0", "bad_timestamp_1", "bad_timestamp_2",
    "bad_timestamp_4", "bad_timestamp_7", "bad_timestamp_8", "bad_value_0", "bad_value_11",
    "bad_value_12", "bad_value_5", "bad_value_7", "bad_value_9",
}  # fmt: skip

TEXT_PAGES = [
    "expfmt/text",
    "promtool/metrics-test.prom",
    "node_exporter/textfile/client_side_timestamp__metrics.prom",
    "node_exporter/textfile/different_metric_types__metrics.prom",
    "node_exporter/textfile/histogram_extra_dimension__metrics.prom",
    "node_exporter/textfile/summary_extra_dimension__metrics.prom",
]

FUZZ: list[dict[str, str]] = json.loads(
    (DATA / "exposition" / "expfmt_fuzz_corpus.json").read_text()
)


# Its samples differ by less than the nanosecond to which prometheus_client rounds times.
@pytest.mark.parametrize("name", sorted(VALID.keys() - {"duplicate_timestamps_0"}))
def test_a_valid_page_has_the_values_that_prometheus_client_reads(name: str) -> None:
    page = read(VALID[name], every_name(VALID[name]), openmetrics=True)

    assert values(page) == values_of(openmetrics(VALID[name]))  # type: ignore[no-untyped-call] # theirs


@pytest.mark.parametrize("name", VALID)
def test_nothing_is_advised_about_a_valid_page(name: str) -> None:
    advice = read(VALID[name], every_name(VALID[name]), openmetrics=True).advice

    assert [text for text in advice if "time of its own" not in text] == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_page_that_could_be_damaged_is_refused(name: str) -> None:
    with pytest.raises(PageError):
        read(INVALID[name], every_name(INVALID[name]), openmetrics=True)


@pytest.mark.parametrize("name", sorted(INVALID.keys() - REFUSED))
def test_any_other_fault_is_advice_and_no_outage(name: str) -> None:
    page = read(INVALID[name], every_name(INVALID[name]), openmetrics=True)

    assert page.advice


@pytest.mark.parametrize("name", ["1histogram.om.txt", "alltypes.5mfs.om.txt"])
def test_prometheus_own_openmetrics_pages_are_read(name: str) -> None:
    text = (DATA / "openmetrics" / "prometheus-textparse" / name).read_text()
    page = read(text, every_name(text), openmetrics=True)

    assert len(page.samples) > 20
    assert page.lines == len(text.splitlines())


@pytest.mark.parametrize("name", TEXT_PAGES)
def test_a_text_page_has_the_values_that_prometheus_client_reads(name: str) -> None:
    text = (DATA / "exposition" / name).read_text()
    page = read(text, every_name(text))

    assert values(page) == values_of(text_format(text))


# Faults of comments and of a family's inner order: no count is in doubt.
LET_PASS = {f"from_test_parse_error_{n}" for n in (7, 12, 13, 14, 15, 16, 19)}
DAMAGED = [case for case in FUZZ if "error" in case["name"] and case["name"] not in LET_PASS]
SOUND = [case for case in FUZZ if case not in DAMAGED]


@pytest.mark.parametrize("case", DAMAGED, ids=lambda case: case["name"])
def test_a_damaged_text_page_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(PageError):
        read(case["input"], every_name(case["input"]))


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case["name"])
def test_a_sound_text_page_is_read(case: dict[str, str]) -> None:
    samples = re.findall(r"^[ \t]*[a-zA-Z]", case["input"], re.MULTILINE)

    assert len(read(case["input"], every_name(case["input"])).samples) == len(samples)
