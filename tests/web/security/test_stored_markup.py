"""What people, targets and programs write is text on every page, in a real browser: nothing of it
runs, and no page needs what its policy forbids.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from nines.credentials import new_token
from nines.storage.accounts import AccountRecords, Doer, User
from nines.storage.database import open_database
from tests.web.security.town import Town, eventually, town
from tests.web.test_access_table import ROUTES
from tests.web.test_pages_browser import browser
from web.access.decision import Grant, Role

NO_PAGES = ("/api/", "/-/", "/static", "/metrics", "/probe", "/badge")
RUN = "window.hacked=(window.hacked||0)+1"
HOSTILE = (
    f"'\"><img src=x onerror={RUN}><svg onload={RUN}></title></script><script>{RUN}</script>"
    "{{7*7}}\u202egnitsoh شبكة"
)
CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
services:
  shop:
    title: {hostile}
    owner: {hostile}
    labels: {{env: {hostile}}}
    collectors:
      front: {{http: "{target}/hostile", interval: 1s, timeout: 500ms,
              expect: {{json: {{"$.a": {hostile}}}}}}}
    slos:
      checkout: {{objective: 99.9%, window: 1d, sli: {{probe: front}},
                 tiers: [{{severity: page, factor: 14.4, long: 20s, short: 5s}}]}}
alerting:
  receivers:
    oncall: {{webhook: {{url: "{target}/ill"}}}}
  route: {{receivers: [oncall]}}
"""

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("hostile")
    with town(folder, CONFIG, hostile=json.dumps(HOSTILE)) as one:
        write_everywhere(one)
        yield one


def write_everywhere(one: Town) -> None:
    """The hostile text wherever the API takes one, by somebody whose name it is."""
    database = open_database(f"sqlite:///{one.folder}/nines.db")
    records, now = AccountRecords(database), datetime.now(UTC)
    records.add_user(User(HOSTILE, "", (Grant(Role.ADMIN),), now), Doer(HOSTILE, now))
    secret, token = new_token(HOSTILE, (Grant(Role.ADMIN),), HOSTILE, now, timedelta(days=1))
    records.add_token(token, Doer(HOSTILE, now))
    database.close()
    text = HOSTILE.replace("\u202e", "")  # a reason with that in it is refused
    by, said = text[:100], {"reason": text, "duration": "1h", "author": text[:100]}
    texts = {"alertname": HOSTILE, "service": HOSTILE}
    until = (now + timedelta(hours=1)).isoformat()
    override = {"service": "shop", "state": "ok", "until": until, "reason": text, "by": by}
    bodies: dict[str, object] = {
        "/api/v1/silences": {"matchers": [f"env={json.dumps(HOSTILE)}"], **said},
        "/api/v1/annotations": {"service": "shop", "slo": "checkout", "text": text, "by": by},
        "/api/v1/gate/overrides": override,
        "/api/v1/deployments": {"service": "shop", "version": by, "environment": by, "by": by},
        "/api/v2/alerts": [{"labels": texts, "annotations": {"summary": HOSTILE}}],
    }
    with one.client() as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        for path, body in bodies.items():
            answer = client.post(path, json=body)
            assert answer.status_code in (200, 201), (path, answer.text)

        def incident() -> str:
            found = client.get("/api/v1/incidents").json()["incidents"]
            mine = [each["id"] for each in found if each["service"] == "shop"]
            return str(mine[0]) if mine else ""

        one.real["incident"] = eventually(incident, "an incident of the shop", one)
        taken = client.post(
            f"/api/v1/incidents/{one.real['incident']}/acknowledge", json={"by": by}
        )
        assert taken.status_code == 200, taken.text
        excluded = client.post("/api/v1/exclusions", json={"service": "shop", **said})
        assert excluded.status_code == 201, excluded.text


def pages(one: Town) -> Iterator[str]:
    """Every page, of what is there."""
    with one.client() as client:
        ids = {
            "exclusions": client.get("/api/v1/exclusions").json()["exclusions"][0]["id"],
            "silences": client.get("/api/v1/silences").json()["silences"][0]["id"],
        }
    for method, path in ROUTES:
        if method != "GET" or path.startswith(
            ("/api/", "/-/", "/static", "/metrics", "/probe", "/badge")
        ):
            continue
        filled = path.replace("{service}", "shop").replace("{slo:path}", "checkout")
        filled = filled.replace("{slo}", "checkout").replace("{name:path}", "shop")
        filled = filled.replace("{incident_id}", one.real["incident"])
        filled = filled.replace("{period}", f"{datetime.now(UTC):%Y-%m-%d}")
        kind = path.split("/")[1]
        filled = filled.replace("{planned_id}", str(ids.get(kind)))
        if (
            "{" not in filled
            and "oidc" not in filled
            and not filled.endswith((".csv", ".json", ".pdf"))
        ):
            yield filled
    yield f"/why?of={one.real['incident']}"
    yield "/slos?q=%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E"


def test_nothing_that_was_written_runs_on_any_page(place: Town, browser: Browser) -> None:
    context = browser.new_context(extra_http_headers=place.headers("admin"))
    wrong: list[str] = []
    page = context.new_page()
    page.on("dialog", lambda dialog: wrong.append(f"{page.url}: {dialog.message}"))
    page.on(
        "console",
        lambda message: (
            wrong.append(f"{page.url}: {message.text}")
            if "Content Security Policy" in message.text
            else None
        ),
    )
    shown = 0
    for path in pages(place):
        page.goto(f"{place.url}{path}", wait_until="load")
        if page.evaluate("window.hacked") is not None:
            wrong.append(f"{path} ran it")
        wrong += [
            f"{path}: an element of it: {tag}"
            for tag in page.locator("img[src=x], svg[onload], script:not([src])").all_inner_texts()
        ]
        shown += "<img src=x" in page.locator("body").inner_text()
    context.close()

    assert wrong == []
    assert shown >= 8  # it is there to be read
