"""Signing in at idpyoidc, a provider that other people wrote, in a real browser."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.daemons import daemon, listens
from tests.identity.running import CLIENT, PASSWORD, SECRET, Identity, identity
from tests.web.ports import free_port
from tests.web.test_pages_browser import DESK, browser, violations

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", database: "sqlite:///{folder}/nines.db"}}
web:
  access:
    oidc:
      issuer: {issuer}
      client_id: {client}
      client_secret: {{file: "{folder}/secret"}}
      ca_file: {ca_file}
      groups: {{web: {{role: responder, owners: [web-team]}}}}
services:
  shop: {{owner: web-team, collectors: {{front: {{tcp: "127.0.0.1:{port}"}}}}}}
  pets: {{owner: pets-team, collectors: {{front: {{tcp: "127.0.0.1:{port}"}}}}}}
alerting: {{receivers: {{}}, route: {{receivers: []}}}}
"""


@dataclass
class Place:
    """A running Nines, and its provider, which has not started."""

    url: str
    provider: Identity


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    port = free_port()
    url, config = f"http://127.0.0.1:{port}", tmp_path / "config.yaml"
    (tmp_path / "provider").mkdir()
    (tmp_path / "secret").write_text(SECRET)
    command = [sys.executable, "-m", "nines", "serve", "--config", str(config)]
    environ = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with identity(tmp_path / "provider", f"{url}/sign-in/oidc/callback") as provider:
        config.write_text(
            CONFIG.format(
                port=port,
                url=url,
                folder=tmp_path,
                client=CLIENT,
                issuer=provider.issuer,
                ca_file=provider.ca_file,
            )
        )
        with daemon(command, lambda: listens(port), tmp_path / "log", environ):
            yield Place(url, provider)


def answer(page: Page, button: str) -> None:
    """At the provider, by keyboard."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you?")
    page.get_by_label("Name").focus()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.get_by_role("button", name=button).press("Enter")


def silence(page: Page, service: str) -> None:
    page.goto(f"/silences?matchers=service%3D%22{service}%22&duration=1h")
    page.get_by_label("Why").fill("new disks")
    page.get_by_role("button", name="Silence", exact=True).click()


def test_one_signs_in_and_out_while_the_provider_comes_and_goes(
    place: Place, browser: Browser
) -> None:
    place.provider.people(ann=["web"])
    # Only Nines knows the authority of the provider.
    context = browser.new_context(viewport=DESK, base_url=place.url, ignore_https_errors=True)
    page = context.new_page()
    door, alert = (
        page.get_by_role("link", name="Sign in by single sign-on"),
        page.get_by_role("alert"),
    )

    page.goto("/silences")
    door.click()
    expect(alert).to_contain_text("The single sign-on does not answer as it should")
    assert violations(page) == []

    place.provider.start()
    door.click()
    answer(page, "Refuse")
    expect(alert).to_contain_text(
        "You are not signed in: at the single sign-on you, or a rule there"
    )
    assert violations(page) == []

    door.click()
    answer(page, "Tell Nines who I am")
    expect(page).to_have_url(f"{place.url}/silences")
    expect(page.locator("body")).to_contain_text("ann@example.com (responder for web-team)")
    (session,) = [one for one in context.cookies(place.url) if one["name"] == "nines_session"]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")

    silence(page, "pets")
    expect(page.locator("main")).to_contain_text("may not")
    silence(page, "shop")
    expect(page.locator("main")).to_contain_text("new disks")

    place.provider.stop()
    page.goto("/silences")
    expect(page.locator("main")).to_contain_text("new disks")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{place.url}/sign-in")
    page.goto("/silences")
    expect(page).to_have_url(f"{place.url}/sign-in?next=/silences")
    context.close()
