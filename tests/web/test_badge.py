"""A badge is a small SVG that says one thing, whatever the SLO is called."""

from xml.etree import ElementTree as ET

import httpx
import pytest

from slo.status import BudgetState
from tests.web.fakes import LONG, MARKUP, FakeSource, make_slo, make_status

SVG = "{http://www.w3.org/2000/svg}"


def said(response: httpx.Response) -> list[str | None]:
    assert response.headers["content-type"] == "image/svg+xml"
    return [one.text for one in ET.fromstring(response.text).iter(f"{SVG}text")]  # noqa: S314 - ours


def one(source: FakeSource, name: str, bad: int, state: BudgetState) -> None:
    source.statuses_ = (
        make_status(make_slo("shop", name), (1_000_000 - bad, bad, 0), budget_state=state),
    )


@pytest.mark.parametrize(
    ("bad", "state", "show", "value"),
    [
        (380, BudgetState.HEALTHY, "budget", "62 % left"),
        (1_120, BudgetState.EXHAUSTED, "budget", "-12 % left"),
        (380, BudgetState.LEARNING, "budget", "learning"),
        (380, BudgetState.HEALTHY, "sli", "99.96 %"),
        (1_120, BudgetState.EXHAUSTED, "state", "exhausted"),
    ],
)
async def test_it_says_what_is_asked(
    source: FakeSource,
    client: httpx.AsyncClient,
    bad: int,
    state: BudgetState,
    show: str,
    value: str,
) -> None:
    one(source, "up", bad, state)

    label, told = said(await client.get("/badge/shop/up.svg", params={"show": show}))

    assert label is not None
    assert label.startswith("up")
    assert told is not None
    assert told.replace("\u00a0", " ").replace(".0 %", " %") == value


async def test_no_data_and_no_slo_are_said_in_grey(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.statuses_ = (
        make_status(make_slo("shop", "up"), (0, 0, 0), budget_state=BudgetState.NO_DATA),
    )
    silent, missing = [await client.get(f"/badge/shop/{name}.svg") for name in ("up", "down")]

    assert (silent.status_code, said(silent)) == (200, ["up budget", "no data"])
    assert (missing.status_code, said(missing)) == (404, ["down", "no such SLO"])
    assert "#5b6470" in silent.text


@pytest.mark.parametrize("name", [MARKUP, LONG, "‮evil]]>&lt;"])
async def test_a_name_is_text_and_nothing_else(
    source: FakeSource, client: httpx.AsyncClient, name: str
) -> None:
    one(source, name, 1, BudgetState.HEALTHY)

    response = await client.get(httpx.URL("/badge/shop/x.svg"))
    drawn = await client.get("/badge/shop/" + "".join(f"%{b:02X}" for b in name.encode()) + ".svg")

    assert {each.tag.removeprefix(SVG) for each in ET.fromstring(drawn.text).iter()} == {  # noqa: S314 - ours
        "svg", "title", "rect", "g", "text",
    }  # fmt: skip
    assert response.status_code == 404
    assert "sandbox" in drawn.headers["content-security-policy"]


async def test_who_has_it_is_not_sent_it_again(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    one(source, "up", 380, BudgetState.HEALTHY)
    first = await client.get("/badge/shop/up.svg")
    known = {"If-None-Match": first.headers["etag"]}
    again = await client.get("/badge/shop/up.svg", headers=known)
    one(source, "up", 480, BudgetState.HEALTHY)
    changed = await client.get(
        "/badge/shop/up.svg", headers={"If-None-Match": first.headers["etag"]}
    )

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert first.headers["cache-control"] == "private, max-age=60"
    assert (await client.get("/badge/shop/up.svg?show=all")).status_code == 400
