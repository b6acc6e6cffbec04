"""Make the pictures in docs/images from the running demo, with Debian's Chromium."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from nines.demo.inbox import Inbox
from nines.demo.run import Demo, DemoOptions
from nines.demo.simulation import Drill
from nines.service import Service
from scripts.demo_facts import NAME, PASSWORD, People, add_user
from scripts.gallery import PICTURES, TALLEST, THEMES, WIDTH, Picture, Theme, document
from scripts.small import keep

CHROMIUM = "/usr/bin/chromium"
DOCS = Path(__file__).parents[1] / "docs"
IMAGES = DOCS / "images"
_AT_MOST = 900  # seconds for all of it
# One outage that lasts until the pictures are taken.
_OUTAGE = (Drill("Mewayz", "dead database behind a 200", seconds=_AT_MOST, pause=1),)
_SETTLED = "() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


@asynccontextmanager
async def _demo() -> AsyncIterator[tuple[Service, Inbox]]:
    """A running demo; it is over afterwards, whatever happens."""
    ready = asyncio.Event()
    demo = Demo(DemoOptions(port=0, inbox_port=0, drills=_OUTAGE), _say)
    running = asyncio.create_task(demo.run(lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if demo.service is None or demo.inbox is None or running.done():
            raise RuntimeError("the demo did not start")
        yield demo.service, demo.inbox
    finally:
        waiting.cancel()
        if demo.service is not None and ready.is_set():
            demo.service.stop.set()
        else:
            running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)


async def _open_incident(inbox: Inbox) -> str:
    """The key of the incident that the outage opens."""
    while True:
        for incident in inbox.pagerduty:
            if incident.state == "triggered":
                return incident.dedup_key
        await asyncio.sleep(1)


async def _sign_in(page: Page, url: str) -> None:
    await page.goto(f"{url}/sign-in")
    await page.fill("#name", NAME)
    await page.fill("input[type=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{url}/")


class Camera:
    """Takes pictures of pages into a folder."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser = browser
        self._url = url
        self._folder = folder
        self._contexts: dict[tuple[Theme, bool], BrowserContext] = {}

    async def open(self) -> BrowserContext:
        """Sign in; gives a context that is."""
        for theme in THEMES:
            for signed_in in (True, False):
                context = await self._browser.new_context(color_scheme=theme)
                self._contexts[theme, signed_in] = context
                if signed_in:
                    page = await context.new_page()
                    await _sign_in(page, self._url)
                    await page.close()
        return self._contexts["light", True]

    async def take(self, one: Picture, facts: Mapping[str, str]) -> None:
        """In both themes, one soon after the other."""
        address = (one.address or one.route).format_map(facts)
        for theme in THEMES:
            context = self._contexts[theme, one.signed_in]
            await self.take_at(f"{self._url}{address}", one, theme, context)

    async def take_at(
        self, address: str, one: Picture, theme: Theme, context: BrowserContext
    ) -> None:
        """One picture. Raises RuntimeError where the page is not what is wanted."""
        page = await context.new_page()
        await page.set_viewport_size({"width": one.width, "height": one.tall or 900})
        answered = await page.goto(address)
        if answered is None or answered.status != one.status:
            said = answered.status if answered else "nothing"
            raise RuntimeError(f"{address} answers {said}, not {one.status}")
        await page.evaluate(_SETTLED)
        await page.wait_for_timeout(500)  # charts draw themselves when they are seen
        height = one.tall or await page.evaluate("document.documentElement.scrollHeight")
        shown = await page.screenshot(
            full_page=one.tall is None,
            clip={"x": 0, "y": 0, "width": one.width, "height": min(height, TALLEST)},
        )
        await page.close()
        file = self._folder / one.file(theme)
        file.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(keep, shown, file)


def _publish(made: Path) -> None:
    """Put all of them in the place of those that were there."""
    shutil.rmtree(IMAGES / "pages", ignore_errors=True)
    shutil.copytree(made, IMAGES, dirs_exist_ok=True)
    (DOCS / "pages.md").write_text(document(), encoding="utf-8")


async def _take_all(folder: Path) -> None:
    async with _demo() as (service, inbox), async_playwright() as playwright:
        url = service.config.server.external_url
        await add_user(service)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        camera = Camera(browser, url, folder)
        context = await camera.open()
        people = People(context.request, url)
        incident = await _open_incident(inbox)
        facts = {**await people.work(), **await people.find(inbox, incident)}
        for one in reversed(PICTURES):  # so that there is more to tell where it matters
            _say(f"{one.name} ...")
            await camera.take(one, facts)
        told = Picture("inbox", "", "", width=WIDTH, tall=900, poster="light")
        await camera.take_at(f"{inbox.url}/", told, "light", context)
        await browser.close()


async def main() -> None:
    """Run the demo until an SLO burns, take all pictures, end it; or change nothing."""
    with tempfile.TemporaryDirectory(prefix="nines-pictures-") as folder:
        async with asyncio.timeout(_AT_MOST):
            await _take_all(Path(folder))
        _publish(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
