"""A template makes a service of each target."""

from pathlib import Path

import pytest

from collectors.http import HttpConfig
from nines.config import load
from nines.config.found import Found
from nines.config.sd import Target
from tests.nines.config.files import load_text, mistakes

SHOPS = """\
discovery:
  shops:
    targets:
      - {targets: ["a.example:8443", "b.example:8443"], labels: {city: Berlin}}
      - {targets: ["c.example:8443"], labels: {city: Rome, tier: "1"}}
    service:
      name: shop-{{host}}
      title: Shop {{ city }}
      labels: {tier: "{{tier|2}}"}
      collectors:
        health: {http: "https://{{target}}/health", interval: 10s}
      slos:
        up: {objective: 99.9%, sli: {probe: health}}
alerting: {route: {receivers: []}}
"""
A, B, C = "shop-a-example", "shop-b-example", "shop-c-example"


def test_each_target_becomes_a_service_with_its_slos(tmp_path: Path) -> None:
    config = load_text(tmp_path, SHOPS)

    assert list(config.services) == [A, B, C]
    assert [slo.id for slo in config.slos] == [f"{name}/up" for name in (A, B, C)]
    rome = config.services[C]
    health = rome.collectors["health"]
    assert isinstance(health, HttpConfig)
    assert (rome.title, rome.labels, health.http) == (
        "Shop Rome",
        {"tier": "1"},
        "https://c.example:8443/health",
    )
    assert config.services[A].labels == {"tier": "2"}
    assert config.discovered == dict.fromkeys((A, B, C), "shops")


def test_a_mistake_of_the_template_is_said_once_and_where_it_stands(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SHOPS.replace("interval:", "intervl:")) == [
        "11:53: unknown key `intervl`; did you mean `interval`?"
    ]
    assert mistakes(tmp_path, SHOPS.replace("probe: health", "probe: helth")) == [
        "13:45: there is no collector `helth`; did you mean `health`?"
    ]


def test_a_target_that_makes_no_sense_costs_the_others_nothing(tmp_path: Path) -> None:
    text = SHOPS.replace('"b.example:8443"', '"b example:8443"')

    config = load_text(tmp_path, text)

    assert list(config.services) == [A, C]
    (left,) = config.left
    assert (left.group, left.target) == ("shops", "b example:8443")
    assert "names no host" in left.sentence
    assert [one.sentence for one in config.advice if "b example" in one.sentence] == [
        f"the target b example:8443 is not watched: {left.sentence}"
    ]


def test_a_label_that_is_missing_and_a_name_that_is_taken_are_said(tmp_path: Path) -> None:
    text = SHOPS.replace("tier|2", "tier").replace("shop-{{host}}", "shop {{city}} {{tier|}}")

    config = load_text(tmp_path, text)

    assert list(config.services) == ["shop-rome-1"]
    assert [str(one) for one in config.left] == [
        f"discovery shops: the target {name}.example:8443 is not watched: "
        "it has no label tier, which the service asks for"
        for name in "ab"
    ]
    twice = load_text(tmp_path, SHOPS.replace("shop-{{host}}", "'{{city}}'"))
    assert list(twice.services) == ["berlin", "rome"]
    assert [one.sentence for one in twice.left] == ["there is a service berlin already"]


def test_a_label_cannot_become_structure_nor_a_secret(tmp_path: Path) -> None:
    text = SHOPS.replace("city: Rome", "city: '${HOME}, {file: /etc/passwd} {{target}}'")
    text = text.replace("labels: {tier", "owner: x\n      labels: {tier").replace("${", "$${")

    config = load_text(tmp_path, text)

    assert config.services[C].title == "Shop ${HOME}, {file: /etc/passwd} {{target}}"


def test_what_was_found_counts_for_the_sources_it_was_found_with(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SHOPS)
    key = load(file, {}).discovery["shops"].key
    target = Target.of("z.example:1", {"city": "Oslo"})

    assert list(load(file, {}, {"shops": Found(key, (target,))}).services) == ["shop-z-example"]
    assert list(load(file, {}, {"shops": Found("other", (target,))}).services) == [A, B, C]
    assert not load(file, {}, {"shops": Found(key, ())}).services


def test_files_of_targets_are_part_of_the_check(tmp_path: Path) -> None:
    text = SHOPS.replace("    targets:\n", "    files: ['sd/*.json']\n    targets:\n")
    (tmp_path / "sd").mkdir()
    (tmp_path / "sd/one.json").write_text("{}")

    (said,) = mistakes(tmp_path, text)

    assert said.startswith("1:1: the file is no list of groups")
    assert list(load(tmp_path / "config.yaml", {}, {}).services) == [A, B, C]


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("service: {title: x}", "lacks a `name`"),
        ("refresh: 1s\n    service: {name: x}", "refresh is at least 5s"),
        ("files: [x.txt]\n    service: {name: x}", "ends in .json, .yml or .yaml"),
        ("dns: {names: [x], type: A}\n    service: {name: x}", "write a port with A and AAAA"),
        ("bearer_token: x\n    service: {name: x}", "bearer_token is of no use without http"),
    ],
)
def test_what_is_wrong_with_a_group_is_said(tmp_path: Path, instead: str, said: str) -> None:
    text = "discovery:\n  shops:\n    targets: [{targets: [a]}]\n    " + instead + "\n"

    assert any(said in one for one in mistakes(tmp_path, text))


def test_a_group_without_a_source_is_refused(tmp_path: Path) -> None:
    (said,) = mistakes(tmp_path, "discovery: {shops: {service: {name: x}}}\n")

    assert "name a source of targets" in said
