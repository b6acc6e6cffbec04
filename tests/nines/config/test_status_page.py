"""The status page in the configuration: components rest on SLOs that are there."""

from pathlib import Path
from zoneinfo import ZoneInfo

from dashboards.status_page import Component, StatusPage
from tests.nines.config.files import SHOP, load_text, mistakes

PAGE = """\
status_page:
  title: Acme
  access: public
  zone: Europe/Berlin
  groups:
    front:
      title: Front
      components:
        buy: {title: Buying, slos: [shop/*], performance: [shop/requests]}
        see: {title: Seeing, description: to look, slos: [shop/up, shop/up]}
"""


def test_components_rest_on_the_slos_that_they_name(tmp_path: Path) -> None:
    every = ("shop/up", "shop/requests")
    assert load_text(tmp_path, SHOP + PAGE).status_page == StatusPage(
        title="Acme",
        public=True,
        zone=ZoneInfo("Europe/Berlin"),
        components=(
            Component("buy", "Buying", "", "Front", "front", every, ("shop/requests",)),
            Component("see", "Seeing", "to look", "Front", "front", ("shop/up",), ()),
        ),
    )


def test_it_is_for_signed_in_people_unless_it_says_so(tmp_path: Path) -> None:
    page = load_text(tmp_path, SHOP + PAGE.replace("  access: public\n", "")).status_page

    assert page is not None
    assert not page.public
    assert load_text(tmp_path, SHOP).status_page is None


def test_what_names_no_slo_is_said_with_its_place(tmp_path: Path) -> None:
    wrong = PAGE.replace("slos: [shop/*]", "slos: [shop/upp, shpo/*, shop]")

    assert mistakes(tmp_path, SHOP + wrong) == [
        "20:55: 'shop' names no SLO: write service/slo, or service/* for all of one",
    ]
    assert mistakes(tmp_path, SHOP + wrong.replace(", shop]", "]")) == [
        "20:37: there is no SLO `shop/upp`; did you mean `shop/up`?",
        "20:47: there is no service with SLOs `shpo`; did you mean `shop`?",
    ]


def test_a_component_needs_an_slo_and_a_key_of_its_own(tmp_path: Path) -> None:
    nothing = PAGE.replace("slos: [shop/*], performance: [shop/requests]", "slos: []")
    twice = PAGE + "    back: {title: Back, components: {buy: {title: Again, slos: [shop/up]}}}\n"

    assert mistakes(tmp_path, SHOP + nothing) == [
        "20:14: a component rests on at least one SLO: write `slos`"
    ]
    (said,) = mistakes(tmp_path, SHOP + twice)
    assert said.endswith("two components are called `buy`: their keys are ids")


def test_what_discovery_may_find_one_day_is_no_mistake(tmp_path: Path) -> None:
    found = """\
discovery:
  cities:
    targets: [{targets: ["a:1"], labels: {city: rome}}]
    service:
      name: city-{{city}}
      collectors: {home: {http: "http://{{target}}/"}}
      slos: {up: {objective: 99%, sli: {probe: home}}}
"""
    page = PAGE.replace("slos: [shop/*]", "slos: [city-rome/up, city-oslo/up]")
    config = load_text(tmp_path, SHOP + found + page)

    assert config.status_page is not None
    assert config.status_page.components[0].slos == ("city-rome/up",)
    typo = page.replace("city-rome/up", "city-rome/upp")
    assert len(mistakes(tmp_path, SHOP + found + typo)) == 1
